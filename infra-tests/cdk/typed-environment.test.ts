/** Checked by the compiler: what an access does not set, a stack must, and nothing else. */
import { describe, expectTypeOf, it } from 'vitest';
import type { Access } from '../../cdk/constructs/access.ts';
import type { NodeFunctionProps } from '../../cdk/constructs/node-function.ts';
import type { EntryEnv } from '../../cdk/entries.ts';
import type { PortsEnv } from '../../cdk/stacks/data-stack.ts';

type Left = NodeFunctionProps<'api', readonly [Access<PortsEnv>]>['variables'];

describe('the environment of a function', () => {
  it('is asked of its stack without what its accesses set', () => {
    expectTypeOf<Left>().not.toHaveProperty('PILOTLIGHT_TABLE');
    expectTypeOf<Left>().not.toHaveProperty('AWS_REGION');
    expectTypeOf<Left>().toHaveProperty('PILOTLIGHT_SCALER_FUNCTION').toEqualTypeOf<string>();
    expectTypeOf<Left>().toHaveProperty('PILOTLIGHT_KEY_PEPPER_PARAMETER').toEqualTypeOf<string>();
  });

  it('does not compile while a variable is missing', () => {
    const some = { PILOTLIGHT_KEY_PEPPER_PARAMETER: '/p/k', PILOTLIGHT_WEBHOOK_KEY_PARAMETER: '/p/w' };

    expectTypeOf(some).not.toExtend<Left>();
    const functions = { PILOTLIGHT_SCALER_FUNCTION: 'scaler', PILOTLIGHT_EGRESS_FUNCTION: 'egress' };
    expectTypeOf({ ...some, ...functions }).toExtend<Left>();
  });

  it('holds no secret, only where one is', () => {
    expectTypeOf<EntryEnv['api']>().not.toHaveProperty('PILOTLIGHT_KEY_PEPPER');
    expectTypeOf<EntryEnv['api']>().not.toHaveProperty('PILOTLIGHT_WEBHOOK_KEY');
  });
});
