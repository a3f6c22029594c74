/**
 * Least privilege, from the code to the template in three steps: what an entry's code calls (its bundle is read), what its row in
 * the table of entries says, and what its role in the template may do. What a call needs of AWS is held to the requests
 * really sent by `aws/aws-ports.test.ts`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bySession, operations, ownPermissionsOf, sessionPermissions } from '#aws/operations.ts';
import type { EntryName } from '../../cdk/entries.ts';
import { entries } from '../../cdk/entries.ts';
import type { Resource } from '../../cdk/resources-of.ts';
import { examples, leavesNothing, synthesize } from './synthesized.ts';
import { adaptersOf, calls, modulesOf, usedOperations } from './used-operations.ts';

const root = join(import.meta.dirname, '../..');

/** Adapters that are no ports of `StoragePorts`, and what they need, as `resource action`. */
const besidePorts: Readonly<Record<string, readonly string[]>> = {
  'aws/auto-scaling-groups.ts': [
    '* autoscaling:DescribeAutoScalingGroups',
    '* autoscaling:DescribeScalingActivities',
    'groups autoscaling:SetDesiredCapacity',
    'groups autoscaling:SuspendProcesses',
    'groups autoscaling:TerminateInstanceInAutoScalingGroup',
  ],
  'aws/ecs-members.ts': [
    'services ecs:DescribeServices',
    'services ecs:UpdateService',
    'cluster ecs:ListContainerInstances',
    'members ecs:DescribeContainerInstances',
    'members ecs:UpdateContainerInstancesState',
  ],
  'aws/lambda-outbound.ts': ['egress lambda:InvokeFunction'],
  'aws/lambda-scaler.ts': ['scaler lambda:InvokeFunction'],
  'aws/ssm-secrets.ts': ['key-pepper ssm:GetParameters', 'webhook-key ssm:GetParameters'],
  'aws/ssm-secret-store.ts': ['key-pepper', 'operator-key', 'webhook-key'].flatMap((name) => [
    `${name} ssm:DeleteParameter`,
    `${name} ssm:GetParameter`,
    `${name} ssm:PutParameter`,
  ]),
  'aws/s3-emptying.ts': ['bucket s3:ListBucket', 'objects s3:DeleteObject'],
};

/** IAM's word for a command where it is not the command's own name. */
const actionsOf: Readonly<Record<string, string>> = {
  DeleteObjects: 'DeleteObject',
  Invoke: 'InvokeFunction',
  ListObjectsV2: 'ListBucket',
};

/** Of the secrets that `aws/ssm-secrets.ts` can read, those that the environment of an entry names. */
const secretsRead: Partial<Readonly<Record<EntryName, readonly string[]>>> = {
  api: ['key-pepper ssm:GetParameters', 'webhook-key ssm:GetParameters'],
  streams: ['key-pepper ssm:GetParameters', 'webhook-key ssm:GetParameters'],
  webhooks: ['webhook-key ssm:GetParameters'],
};

/** What Lambda does in the name of a function: reading its source, and keeping what failed. */
const keepsFailures = ['GetQueueAttributes', 'GetQueueUrl', 'SendMessage'].map(
  (action) => `failures sqs:${action}`,
);
const readsQueue = [
  'ChangeMessageVisibility',
  'DeleteMessage',
  'GetQueueAttributes',
  'GetQueueUrl',
  'ReceiveMessage',
];
const byLambda: Partial<Readonly<Record<EntryName, readonly string[]>>> = {
  deadLetters: readsQueue.map((action) => `queues sqs:${action}`),
  drops: readsQueue.map((action) => `dropQueue sqs:${action}`),
  batches: keepsFailures,
  month: keepsFailures,
  scaler: keepsFailures,
  sweep: keepsFailures,
  webhooks: [
    ...keepsFailures,
    '* dynamodb:ListStreams',
    ...['DescribeStream', 'GetRecords', 'GetShardIterator'].map((action) => `stream dynamodb:${action}`),
  ],
};

/** Of those whose requests are traced. */
const traced = ['* xray:PutTelemetryRecords', '* xray:PutTraceSegments'];
const ofTraces: Partial<Readonly<Record<EntryName, readonly string[]>>> = { api: traced, streams: traced };
/** Granted only where the config asks for nothing to be left. */
const ofTakingDown: readonly string[] = [
  ...['key-pepper', 'operator-key', 'webhook-key'].map((name) => `${name} ssm:DeleteParameter`),
  'bucket s3:ListBucket',
  'objects s3:DeleteObject',
];
const configs = { ...examples, 'that leaves nothing': leavesNothing };

/** What every function needs, whatever it does. */
const ofEveryFunction = ['log logs:CreateLogStream', 'log logs:PutLogEvents'];

/** With a key of one's own for encrypted files, by the operations that read or write them. */
const ofKey: Readonly<Record<string, readonly string[]>> = {
  'blobs.put': ['key kms:GenerateDataKey'],
  'blobs.get': ['key kms:Decrypt'],
  'blobs.link': ['key kms:Decrypt'],
  'blobs.read': ['key kms:Decrypt'],
  'blobs.uploadLink': ['key kms:GenerateDataKey'],
  'blobs.write': ['key kms:Decrypt', 'key kms:GenerateDataKey'],
  'drops.write': ['key kms:Decrypt', 'key kms:GenerateDataKey'],
};

/** For what sessions of tenants carry out. */
const assumes = ['tenantRole sts:AssumeRole', 'tenantRole sts:TagSession'];

/** Bundling takes a second of a processor, and so many more as others want of it. */
const bundleMs = 120_000;

describe.each(Object.keys(entries) as EntryName[])('the entry %s', { timeout: bundleMs }, (name) => {
  const { file, operations: asked } = entries[name];

  it('asks in its row for what its code calls, and for nothing else', async () => {
    expect([...asked].toSorted()).toEqual([...(await usedOperations(file))].toSorted());
  });

  it.each(Object.entries(configs))(
    'may do in the example %s what that needs, and nothing else',
    async (_, config) => {
      const own = (await adaptersOf(file)).flatMap((adapter) =>
        adapter === 'aws/ssm-secrets.ts' ? (secretsRead[name] ?? []) : (besidePorts[adapter] ?? []),
      );
      const isTakenDown = 'onDestroy' in config && config.onDestroy === 'delete';
      const kept = own.filter((grant) => isTakenDown || !ofTakingDown.includes(grant));
      const ports = [...ownPermissionsOf(asked)].flatMap(([resource, actions]) =>
        actions.map((action) => `${resource} ${action}`),
      );
      const byOwn = asked.filter((operation) => !bySession.includes(operation));
      const key = 'kms' in config ? byOwn.flatMap((operation) => ofKey[operation] ?? []) : [];
      const sessions = byOwn.length < asked.length ? assumes : [];

      const granted = grantsOf(synthesize(config).resources, name);

      const lambda = [...(byLambda[name] ?? []), ...(ofTraces[name] ?? [])];
      expect(granted).toEqual(
        [...new Set([...ofEveryFunction, ...kept, ...ports, ...key, ...sessions, ...lambda])].toSorted(),
      );
    },
  );
});

describe('files of tenants', () => {
  it('are reached by no function itself, but for uploads by a link and what removes', () => {
    const reached = (Object.keys(entries) as EntryName[]).flatMap((name) =>
      grantsOf(synthesize(examples.agency).resources, name)
        .filter((grant) => [...sessionPermissions().keys()].includes(grant.split(' ')[0] as never))
        .map((grant) => `${name}: ${grant}`),
    );

    const own = ['adapterFiles s3:DeleteObject', 'adapterFiles s3:PutObject', 'tenantFiles s3:DeleteObject'];
    const ofUploads = [...own, 'tenantFiles s3:PutObject', 'tenantFiles s3:PutObjectTagging'];
    expect(reached).toEqual([
      ...['api', 'streams'].flatMap((name) => ofUploads.map((grant) => `${name}: ${grant}`)),
      'sweep: adapterFiles s3:DeleteObject',
    ]);
  });
});

describe('adapters that are no ports', { timeout: bundleMs }, () => {
  it('have a row here wherever one sends anything', async () => {
    const all = new Set(
      (await Promise.all(Object.values(entries).map(({ file }) => adaptersOf(file)))).flat(),
    );

    expect([...all].toSorted()).toEqual(Object.keys(besidePorts).toSorted());
  });

  it('have in their rows an action for every command that their file sends', () => {
    for (const [file, permissions] of Object.entries(besidePorts)) {
      const commands = readFileSync(join(root, file), 'utf8').matchAll(/new (\w+)Command\(/g);
      const sent = [...commands].map(([, command = '']) => actionsOf[command] ?? command);

      expect([...new Set(permissions.map((each) => each.split(':')[1]))].toSorted(), file).toEqual(
        [...new Set(sent)].toSorted(),
      );
    }
  });
});

describe('the reading of code', { timeout: bundleMs }, () => {
  it('sees a call of a port however it is written', () => {
    for (const text of [
      'ports.jobs.get(id)',
      'const { jobs } = ports; jobs.get(id)',
      'ports.jobs\n  .get(id)',
    ]) {
      expect(calls(text, 'jobs.get')).toBe(true);
    }
    expect(calls('jobs.getAll(id)', 'jobs.get')).toBe(false);
    expect(calls('otherjobs.get(id)', 'jobs.get')).toBe(false);
  });

  it('would miss a method that is taken off its port first, and finds none in the code', async () => {
    const ports = [...new Set(Object.keys(operations).map((operation) => operation.split('.')[0]))];
    const taken = new RegExp(`\\{[^{}]*\\}\\s*=\\s*(?:\\w+\\.)?(?:${ports.join('|')})\\s*[;\\n]`);
    const modules = (await Promise.all(Object.values(entries).map(({ file }) => modulesOf(file)))).flat();

    expect(modules.filter((path) => taken.test(readFileSync(join(root, path), 'utf8')))).toEqual([]);
    expect(taken.test('const { get } = ports.jobs;')).toBe(true);
  });
});

describe('the secrets', () => {
  it("are replaced by nobody, but for the operator's key", () => {
    const puts = statementsOf(synthesize(examples.smallest).resources, 'setup').filter(
      ({ Action }) => Action === 'ssm:PutParameter',
    );
    const [operator, kept] = puts.map(
      (statement) => [JSON.stringify(statement.Resource), statement.Condition] as const,
    );

    expect(puts).toHaveLength(2);
    expect(operator?.[0]).toContain('/operator-key');
    expect(operator?.[1]).toBeUndefined();
    expect(kept?.[0]).not.toContain('/operator-key');
    expect(kept?.[1]).toEqual({ StringEquals: { 'ssm:Overwrite': 'false' } });
  });
});

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

function statementsOf(resources: readonly Resource[], name: EntryName): readonly Statement[] {
  const lambda = resources.find(({ properties }) => properties.Description === entries[name].description);
  const role = lambda?.properties.Role['Fn::GetAtt'][0];
  return resources
    .filter(
      ({ type, properties }) =>
        type === 'AWS::IAM::Policy' && JSON.stringify(properties.Roles).includes(`"${role}"`),
    )
    .flatMap(({ properties }) => properties.PolicyDocument.Statement);
}

/** `resource action` of everything that the function's role may do. */
function grantsOf(resources: readonly Resource[], name: EntryName): string[] {
  const grants = statementsOf(resources, name).flatMap(({ Action, Resource }) =>
    [Resource].flat().flatMap((resource) => [Action].flat().map((action) => `${wordOf(resource)} ${action}`)),
  );
  return [...new Set(grants)].toSorted();
}

/** Each resource by our own word for it; one that is not known stays what it is, and so is seen. */
const words: readonly (readonly [word: string, form: RegExp])[] = [
  ['*', /^"\*"$/],
  ['services', /^\{"Ref":"Pool\w+Service\w+"\}$/],
  ['cluster', /:cluster\//],
  ['members', /:container-instance\/.*\/\*"/],
  ['groups', /:autoScalingGroupName\//],
  ['failures', /Failures\w+("|Arn\w*"\}$)/],
  ['stream', /RecordsMain\w*StreamArn/],
  ['lineIndex', /RecordsMain.*\/index\/line"/],
  ['createdIndex', /RecordsMain.*\/index\/by_created"/],
  ['table', /RecordsMain\w*Arn\w*"\}$/],
  ['ledger', /RecordsLedger\w*Arn\w*"\}$/],
  ['dropQueue', /DropsQueue\w+Arn\w*"\}$/],
  ['queues', /Queues\w+Arn\w*"\}$/],
  ['tenantFiles', /FilesBucket.*\/tenants\/\*"/],
  ['adapterFiles', /FilesBucket.*\/adapters\/\*"/],
  ['droppedFiles', /FilesBucket.*\/batch\/in\/\*"/],
  ['dropResults', /FilesBucket.*\/batch\/out\/\*"/],
  ['objects', /FilesBucket\w*Arn\w*"\},"\/\*"/],
  ['bucket', /FilesBucket\w*Arn\w*"\}$/],
  ['egress', /:function:[a-z]+-egress"/],
  ['scaler', /:function:[a-z]+-scaler"/],
  ['key', /ExportsOutputFnGetAttKey\w*Arn\w*"\}$/],
  ['tenantRole', /TenantRole\w*Arn/],
  ['log', /^\{"Fn::GetAtt":\["\w+Log\w+","Arn"\]\}$/],
  ['key-pepper', /:parameter\/[a-z]+\/key-pepper"/],
  ['webhook-key', /:parameter\/[a-z]+\/webhook-key"/],
  ['operator-key', /:parameter\/[a-z]+\/operator-key"/],
];

function wordOf(resource: unknown): string {
  const text = JSON.stringify(resource);
  return words.find(([, form]) => form.test(text))?.[0] ?? text;
}
