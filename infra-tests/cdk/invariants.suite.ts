/** What holds of every deployment, in words. A resource that is added makes none of these longer. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { bucketSettings, dropQueueSettings, queueSettings } from '#aws/resources.ts';
import { routeList } from '#core/api/routes.ts';
import { metricNames } from '#core/observability/metrics.ts';
import { apiEnvSchema } from '#functions/api/env.ts';
import { batchesEnvSchema } from '#functions/batches/env.ts';
import { deadLettersEnvSchema } from '#functions/dead-letters/env.ts';
import { dropsEnvSchema } from '#functions/drops/env.ts';
import { egressEnvSchema } from '#functions/egress/env.ts';
import { monthEnvSchema } from '#functions/month/env.ts';
import { scalerEnvSchema } from '#functions/scaler/env.ts';
import { setupEnvSchema } from '#functions/setup/env.ts';
import { sweepEnvSchema } from '#functions/sweep/env.ts';
import { webhooksEnvSchema } from '#functions/webhooks/env.ts';
import { alarms } from '../../cdk/alarms.ts';
import type { EntryName } from '../../cdk/entries.ts';
import { entries } from '../../cdk/entries.ts';
import { graphRows } from '../../cdk/graphs.ts';
import type { Resource } from '../../cdk/resources-of.ts';
import { examples, pathsOf, synthesize } from './synthesized.ts';

/** What each entry parses of its environment. */
const schemas: Readonly<Record<EntryName, z.ZodObject>> = {
  api: apiEnvSchema,
  batches: batchesEnvSchema,
  deadLetters: deadLettersEnvSchema,
  drops: dropsEnvSchema,
  egress: egressEnvSchema,
  month: monthEnvSchema,
  scaler: scalerEnvSchema,
  setup: setupEnvSchema,
  streams: apiEnvSchema,
  sweep: sweepEnvSchema,
  webhooks: webhooksEnvSchema,
};

describe.each(Object.entries(examples))('the example %s', (_, config) => {
  const { resources, ofType } = synthesize(config);
  const functions = ofType('AWS::Lambda::Function');
  const queues = ofType('AWS::SQS::Queue');
  const alarmsMade = ofType('AWS::CloudWatch::Alarm');
  const deadLetterIds = queues.flatMap(
    ({ properties }) => properties.RedrivePolicy?.deadLetterTargetArn?.['Fn::GetAtt']?.[0] ?? [],
  );

  it('has a queue for dead letters beside every queue that is none itself', () => {
    const own = queues.filter(({ id, stack }) => !deadLetterIds.includes(id) && stack.endsWith('-data'));

    const receives = own.map(({ properties }) => properties.RedrivePolicy.maxReceiveCount);
    const ofPools = Object.keys(config.pools).map(() => queueSettings.deadLetter.receivesMax);
    expect(receives.toSorted()).toEqual([...ofPools, dropQueueSettings.receivesMax].toSorted());
    expect(new Set(deadLetterIds).size).toBe(own.length);
  });

  it('has an alarm on every queue', () => {
    const watched = JSON.stringify(alarmsMade.map(({ properties }) => properties));

    expect(queues.filter(({ id }) => !watched.includes(`GetAtt${id}QueueName`))).toEqual([]);
  });

  it('has an alarm on every pool whose machines do not come up, and on every table that turns requests away', () => {
    const watched = alarmsMade.map(({ properties }) => JSON.stringify(properties));
    const bootMetrics = ['boots_failed', 'instances_stuck'];
    const tables = ofType('AWS::DynamoDB::Table').map(({ id }) => id);

    for (const metric of bootMetrics) {
      const ofBoots = watched.filter((each) => each.includes(`"MetricName":"${metric}"`));
      for (const pool of Object.keys(config.pools))
        expect(ofBoots.filter((each) => each.includes(`"Name":"pool","Value":"${pool}"`))).toHaveLength(1);
    }
    for (const id of tables)
      for (const kind of ['Read', 'Write'])
        expect(
          watched.filter((each) => each.includes(`${kind}ThrottleEvents`) && each.includes(id)),
        ).toHaveLength(1);
  });

  it('has an alarm on every function that fails or is throttled', () => {
    const watched = JSON.stringify(alarmsMade.map(({ properties }) => properties));

    expect(
      functions.filter(({ id }) => !new RegExp(`(Ref|ExportsOutputRef)"?:?"?[^"]*${id}`).test(watched)),
    ).toEqual([]);
  });

  it('tells of the budget under the heading that says what to do', () => {
    const name = `${'name' in config ? config.name : 'pilotlight'}, docs/runbook.md, "${alarms.budget.heading}"`;

    for (const { properties } of ofType('AWS::Budgets::Budget'))
      expect(properties.Budget.BudgetName).toBe(name);
    expect(name).not.toMatch(/[:\\]/);
    expect(name.length).toBeLessThanOrEqual(100);
  });

  it('shows every metric of the table once', () => {
    const [dashboard] = ofType('AWS::CloudWatch::Dashboard');
    const shown = JSON.stringify(dashboard?.properties.DashboardBody);

    for (const name of metricNames) expect(shown, name).toContain(`MetricName=\\\\\\"${name}\\\\\\"`);
    expect(graphRows.flatMap((row) => row.flatMap((graph) => graph.metrics)).toSorted()).toEqual(
      metricNames.toSorted(),
    );
  });

  it('traces requests of the API and nothing that goes on by itself', () => {
    const traced = functions.filter(({ properties }) => properties.TracingConfig?.Mode === 'Active');
    const [rule] = ofType('AWS::XRay::SamplingRule');

    expect(traced.map(({ properties }) => properties.Description)).toEqual([
      entries.api.description,
      entries.streams.description,
    ]);
    expect(ofType('AWS::ApiGateway::Stage')[0]?.properties.TracingEnabled).toBe(true);
    expect(rule?.properties.SamplingRule).toMatchObject({ FixedRate: 0.05, ReservoirSize: 0 });
  });

  it('hides a ticket for longer than any function runs that could hold one', () => {
    for (const [name, entry] of Object.entries(entries)) {
      const receives = (entry.operations as readonly string[]).includes('tickets.receive');
      if (receives) expect(queueSettings.visibilitySeconds * 1000, name).toBeGreaterThan(entry.timeoutMs);
    }
    const ofPools = queues.filter(({ id, stack }) => stack.endsWith('-data') && id.startsWith('Queues'));
    for (const { id, properties } of ofPools) {
      if (!deadLetterIds.includes(id))
        expect(properties.VisibilityTimeout).toBe(queueSettings.visibilitySeconds);
      else expect(properties.VisibilityTimeout * 1000).toBeGreaterThan(entries.deadLetters.timeoutMs);
    }
  });

  it('has nothing that costs by the hour while nobody asks: no NAT, no interface endpoint, no balancer, no cache', () => {
    const hourly = /NatGateway|LoadBalancer|ElastiCache|::Serverless|RDS|Redshift|OpenSearch|TransitGateway/;

    expect(resources.filter(({ type }) => hourly.test(type))).toEqual([]);
    expect(
      ofType('AWS::EC2::VPCEndpoint').filter(({ properties }) => properties.VpcEndpointType === 'Interface'),
    ).toEqual([]);
    expect(
      ofType('AWS::DynamoDB::Table').every(({ properties }) => properties.BillingMode === 'PAY_PER_REQUEST'),
    ).toBe(true);
  });

  it('closes every bucket to the public and to plain HTTP', () => {
    const closed = {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    };
    const buckets = ofType('AWS::S3::Bucket');
    const policies = ofType('AWS::S3::BucketPolicy').map(({ properties }) => JSON.stringify(properties));

    expect(buckets).toHaveLength(1);
    for (const { id, properties } of buckets) {
      expect(properties.PublicAccessBlockConfiguration).toEqual(closed);
      expect(
        policies.some((policy) => policy.includes(`"Ref":"${id}"`) && policy.includes('aws:SecureTransport')),
      ).toBe(true);
    }
  });

  it('tells a queue of files that are dropped, and of no others, which a function reads for six times its time-out', () => {
    const [bucket] = ofType('AWS::S3::Bucket');
    const { QueueConfigurations, ...others } = bucket?.properties.NotificationConfiguration ?? {};
    const [told] = QueueConfigurations;
    const [queueId] = told.Queue['Fn::GetAtt'];
    const queue = queues.find(({ id }) => id === queueId);
    const policies = ofType('AWS::SQS::QueuePolicy').filter(({ properties }) =>
      JSON.stringify(properties.Queues).includes(`"${queueId}"`),
    );

    expect([QueueConfigurations.length, others]).toEqual([1, {}]);
    expect(told.Event).toBe('s3:ObjectCreated:*');
    expect(told.Filter.S3Key.Rules).toEqual([
      { Name: 'prefix', Value: bucketSettings.dropInPrefix },
      { Name: 'suffix', Value: '.jsonl' },
    ]);
    expect(JSON.stringify(policies)).toContain('"Service":"s3.amazonaws.com"');
    expect(JSON.stringify(policies)).toContain('aws:SourceAccount');
    expect(queue?.properties.VisibilityTimeout * 1000).toBe(6 * entries.drops.timeoutMs);
  });

  it('gives every function a time-out, memory, ARM64, a role of its own and a log that ends', () => {
    const roles = functions.map(({ properties }) => JSON.stringify(properties.Role));

    expect(functions.map(({ properties }) => properties.Description).toSorted()).toEqual(
      Object.values(entries)
        .map(({ description }) => description)
        .toSorted(),
    );
    for (const { properties } of functions) {
      expect(properties.Timeout).toBeGreaterThan(0);
      expect(properties.MemorySize).toBeGreaterThanOrEqual(128);
      expect(properties.Architectures).toEqual(['arm64']);
      expect(properties.Runtime).toBe('nodejs24.x');
      const log = ofType('AWS::Logs::LogGroup').find(
        ({ id }) => id === properties.LoggingConfig.LogGroup.Ref,
      );
      expect(log?.properties.RetentionInDays).toBeGreaterThan(0);
    }
    expect(new Set(roles).size).toBe(functions.length);
  });

  it('keeps no log for ever', () => {
    expect(
      ofType('AWS::Logs::LogGroup').filter(({ properties }) => !(properties.RetentionInDays > 0)),
    ).toEqual([]);
  });

  it.each(Object.keys(entries) as EntryName[])(
    'sets of the environment of %s what it parses, and nothing else',
    (name) => {
      const schema = schemas[name];
      const set = Object.keys(functionOf(functions, name).properties.Environment?.Variables ?? {}).map(
        (variable) =>
          Object.hasOwn(schema.shape, variable) ? variable : variable.replace(/_PARAMETER$/, ''),
      );
      const needed = Object.entries(schema.shape)
        .filter(([, each]) => !each.safeParse(undefined).success)
        .map(([variable]) => variable);

      expect(needed.filter((variable) => variable !== 'AWS_REGION' && !set.includes(variable))).toEqual([]);
      expect(set.filter((variable) => !Object.hasOwn(schema.shape, variable))).toEqual([]);
    },
  );

  it('holds no secret: what is secret is named, and lies in SSM', () => {
    const variables = functions.flatMap(({ properties }) =>
      Object.entries(properties.Environment?.Variables ?? {}),
    );
    const secret = variables.filter(([name]) => /PEPPER|SECRET|WEBHOOK_KEY|OPERATOR_KEY/.test(name));

    expect(secret.length).toBeGreaterThan(0);
    for (const [name, value] of secret) {
      expect(name).toMatch(/_PARAMETER$/);
      expect(value).toMatch(/^\/[a-z]+\/[a-z-]+$/);
    }
  });

  it('answers every route by a method of its own, and other methods of its path by one that refuses them', () => {
    const paths = pathsOf(ofType('AWS::ApiGateway::Resource'));
    const methods = ofType('AWS::ApiGateway::Method').map(
      ({ properties }) => `${properties.HttpMethod} ${paths.get(properties.ResourceId.Ref)}`,
    );
    const wanted = new Set(routeList.flatMap(({ method, path }) => [`${method} ${path}`, `ANY ${path}`]));

    expect(methods.toSorted()).toEqual([...wanted].toSorted());
  });

  it('is throttled, logs every request, and has one permission for each function behind it', () => {
    const [stage] = ofType('AWS::ApiGateway::Stage');

    expect(stage?.properties.AccessLogSetting.Format).not.toMatch(/header|querystring|authorization/i);
    expect(stage?.properties.MethodSettings).toEqual([
      expect.objectContaining({
        HttpMethod: '*',
        DataTraceEnabled: false,
        ThrottlingRateLimit: expect.any(Number),
      }),
    ]);
    const permissions = ofType('AWS::Lambda::Permission').map(({ properties }) => properties.Principal);
    expect(permissions.filter((principal) => principal !== 'events.amazonaws.com')).toEqual([
      'apigateway.amazonaws.com',
      'apigateway.amazonaws.com',
    ]);
  });

  it('has no alarm but those of the table, and says where to read what to do', () => {
    const headings = Object.values(alarms).map(({ heading }) => `docs/runbook.md, "${heading}"`);

    expect(alarmsMade.length).toBeGreaterThan(0);
    for (const { properties } of alarmsMade) {
      expect(headings.some((heading) => properties.AlarmDescription.endsWith(heading))).toBe(true);
      expect(properties.AlarmActions).toHaveLength(1);
    }
  });

  it('keeps what is kept unless the config says otherwise', () => {
    const kept = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::KMS::Key'];
    const policies = resources.filter(({ type }) => kept.includes(type));

    expect(policies.length).toBeGreaterThanOrEqual(3);
    const wanted = 'onDestroy' in config && config.onDestroy === 'delete' ? 'Delete' : 'Retain';
    expect(policies.filter(({ deletionPolicy }) => deletionPolicy !== wanted)).toEqual([]);
  });

  it('names two functions by hand and nothing else, by the deployment, so that a second one finds none taken', () => {
    const name = 'name' in config ? config.name : 'pilotlight';
    const named = /^(Table|Bucket|Queue|Function|Role|Topic|LogGroup|Alarm|Policy)Name$/;
    const own = resources.filter(({ type }) => !/::(Permission|Policy)$/.test(type));

    const names = own.flatMap(({ properties }) =>
      Object.entries(properties).filter(([name, value]) => named.test(name) && typeof value === 'string'),
    );

    expect(names.toSorted()).toEqual([
      ['FunctionName', `${name}-egress`],
      ['FunctionName', `${name}-scaler`],
    ]);
  });
});

describe('the table of entries', () => {
  it('has a row at least for every entry that there is, and for no other', () => {
    const functionsDir = join(import.meta.dirname, '../../functions');
    const found = readdirSync(functionsDir, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('entry.ts'))
      .map((path) => `functions/${path}`);

    const files = new Set(Object.values(entries).map(({ file }) => file));
    expect([...files].toSorted()).toEqual(found.toSorted());
  });
});

function functionOf(functions: readonly Resource[], name: EntryName): Resource {
  const found = functions.find(({ properties }) => properties.Description === entries[name].description);
  if (found === undefined) throw new Error(`no function of the entry ${name}`);
  return found;
}
