/** What goes with a deployment, and how a part of it is taken out. */

import { Stack } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { examples, leavesNothing, synthesize } from './synthesized.ts';

const dataStack = 'pilotlight-data';

describe('a deployment that is to leave nothing', () => {
  const { app, ofType, resources } = synthesize(leavesNothing);

  it('keeps neither tables nor files, and protects none from being deleted', () => {
    const kept = resources.filter(({ deletionPolicy }) => deletionPolicy?.startsWith('Retain'));

    expect(kept.map(({ id }) => id)).toEqual([]);
    for (const { properties } of ofType('AWS::DynamoDB::Table'))
      expect(properties.DeletionProtectionEnabled).toBe(false);
  });

  it('has its bucket emptied by the set-up, after everybody who could write is gone and before the bucket goes', () => {
    const [setUp] = ofType('Custom::PilotlightSetUp');
    const laterThan = (name: string) =>
      app.node.children.filter(
        (each) => Stack.isStack(each) && each.dependencies.some(({ stackName }) => stackName === name),
      );

    expect(setUp?.properties.onDestroy).toBe('delete');
    expect(laterThan('pilotlight-api').map(({ node }) => node.id)).toEqual(
      expect.arrayContaining(['pilotlight-control', 'pilotlight-fleet']),
    );
    expect(laterThan(dataStack).map(({ node }) => node.id)).toContain('pilotlight-api');
  });

  it('has no finding of cdk-nag that nobody explained', () => {
    const { violations } = new AwsSolutionsChecks(app).validateScope(app);

    expect(violations.map(({ ruleName }) => ruleName)).toEqual([]);
  });
});

describe('a pool that is taken out of the config', () => {
  const rest = withoutFirst();
  const before = synthesize(examples.agency);
  const after = synthesize(rest.config);

  it('would hold up a deployment of all stacks at once: what it brought is still used', () => {
    const gone = exportsOf(before, rest.data).filter((name) => !exportsOf(after, rest.data).includes(name));

    expect(gone.length).toBeGreaterThan(0);
    expect(gone.filter((name) => importsOf(before, rest.data).includes(name))).toEqual(gone);
  });

  it('goes in two steps: first the stacks that use it, which need nothing that is not there yet, then all', () => {
    const there = exportsOf(before, rest.data);

    // By the first step the stacks that use the data are as after, and the data as before.
    expect(importsOf(after, rest.data).filter((name) => !there.includes(name))).toEqual([]);
    // By the second step nobody uses what goes.
    const left = exportsOf(after, rest.data);
    expect(importsOf(after, rest.data).filter((name) => !left.includes(name))).toEqual([]);
  });
});

function withoutFirst() {
  const { pools, ...others } = examples.agency;
  const left = Object.fromEntries(Object.entries(pools).slice(1));
  return { data: `${others.name}-data`, config: { ...others, plans: {}, pools: left } };
}

/** Names under which the stack hands out what others use. */
function exportsOf({ templates }: ReturnType<typeof synthesize>, stack: string): string[] {
  const { Outputs = {} } = templates.get(stack)?.toJSON() ?? {};
  return Object.values(Outputs).flatMap((output) => Object(output).Export?.Name ?? []);
}

/** Of these, what the templates of all other stacks ask for. */
function importsOf({ templates }: ReturnType<typeof synthesize>, stack: string): string[] {
  const texts = [...templates]
    .filter(([name]) => name !== stack)
    .map(([, each]) => JSON.stringify(each.toJSON()));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/"Fn::ImportValue":"([^"]+)"/g)].map(([, name]) => name),
  );
  return [...new Set(names.flatMap((name) => (name?.startsWith(`${stack}:`) ? [name] : [])))];
}
