import { describe, expect, it } from 'vitest';
import { poolsOf } from './pools-of.ts';

const pools = ['demo', 'z-image'];
const instanceOf = (attributes: unknown) => ({ source: 'aws.ecs', detail: { attributes } });

describe('the pools of an invocation', () => {
  it('are the one that was woken', () => {
    expect(poolsOf({ pool: 'z-image' }, pools)).toEqual(['z-image']);
  });

  it('are the one that an instance of ECS is of', () => {
    const attributes = [{ name: 'ecs.ami-id' }, { name: 'pilotlight.pool', value: 'demo' }];

    expect(poolsOf(instanceOf(attributes), pools)).toEqual(['demo']);
  });

  it('are none where it names one that is not deployed', () => {
    expect(poolsOf({ pool: 'gone' }, pools)).toEqual([]);
  });

  it.each([
    ['a tick', { source: 'aws.events', detail: {} }],
    [
      'a Spot notice',
      { source: 'aws.ec2', detail: { 'instance-id': 'i-1', 'instance-action': 'terminate' } },
    ],
    ['a task that stopped', { source: 'aws.ecs', detail: { lastStatus: 'STOPPED', attributes: [] } }],
    ['an instance of somebody else', instanceOf([{ name: 'ecs.ami-id', value: 'ami-1' }])],
    ['nothing at all', null],
  ])('are all of them at %s', (_, event) => {
    expect(poolsOf(event, pools)).toEqual(pools);
  });
});
