/** What the role of tenants lets through, by IAM's rules for the few words that its policy uses. */
import { describe, expect, it } from 'vitest';
import { adapterObjectKey, dropInKey, dropOutKey, modelFileKey, objectKey } from '#aws/keys.ts';
import { sessionPermissions } from '#aws/operations.ts';
import { examples, synthesize } from './synthesized.ts';

const { ofType } = synthesize(examples.smallest);
const role = ofType('AWS::IAM::Role').find(({ id }) => id.startsWith('TenantRole'));
const statements: readonly { Effect: string; Action: string | string[]; Resource: unknown }[] = ofType(
  'AWS::IAM::Policy',
)
  .filter(({ properties }) => JSON.stringify(properties.Roles).includes(`"${role?.id}"`))
  .flatMap(({ properties }) => properties.PolicyDocument.Statement);

/** Only `Allow`s: the last `*` stands for any characters, and the variable for the tag of the session. */
function mayDo(tenant: string, action: string, key: string): boolean {
  return statements.some(({ Action, Resource }) => {
    const isBelow = [Resource].flat().some((resource) => {
      const pattern = objectsOf(resource).replace(/\$\{aws:PrincipalTag\/tenant\}/, () => tenant);
      return pattern.endsWith('*') && key.startsWith(pattern.slice(0, -1));
    });
    return [Action].flat().includes(action) && isBelow;
  });
}

/** `{"Fn::Join": ["", [{"Fn::GetAtt": …}, "/tenants/…/*"]]}` */
function objectsOf(resource: unknown): string {
  const text = JSON.stringify(resource);
  return /,"\/([^"]+)"\]\]\}$/.exec(text)?.[1] ?? text;
}

describe("the role of a tenant's session", () => {
  const own = objectKey('acme', 'jobs/job_1/1/0.png');
  const ownAdapter = adapterObjectKey('acme', 'ada_1');
  const dropped = dropInKey('acme', 'a.jsonl');
  const result = dropOutKey('acme', 'a.output.jsonl');
  const all = { tenantFiles: own, adapterFiles: ownAdapter, droppedFiles: dropped, dropResults: result };

  it('may do below its own prefixes what the operations that go by sessions need, and nothing else', () => {
    const actions = ['Get', 'Put', 'Delete'].map((verb) => `s3:${verb}Object`);
    const some = [
      ...actions,
      's3:PutObjectTagging',
      's3:AbortMultipartUpload',
      's3:ListBucket',
      's3:GetObjectAcl',
    ];

    for (const [resource, key] of Object.entries(all)) {
      const allowed = some.filter((action) => mayDo('acme', action, key));
      const needed = [...sessionPermissions()].find(([name]) => name === resource)?.[1] ?? [];
      expect(allowed.toSorted(), resource).toEqual([...needed].toSorted());
    }
  });

  it('reads and writes its own files, and reads its own adapters and what it dropped', () => {
    for (const action of ['s3:GetObject', 's3:PutObject', 's3:PutObjectTagging'])
      expect(mayDo('acme', action, own)).toBe(true);
    for (const key of [ownAdapter, dropped]) expect(mayDo('acme', 's3:GetObject', key)).toBe(true);
    expect(mayDo('acme', 's3:PutObject', result)).toBe(true);
  });

  it.each(['acm', 'acme2', 'ACME', 'other', '', 'tenants'])(
    'of %j does nothing to files of acme',
    (tenant) => {
      for (const action of ['s3:GetObject', 's3:PutObject', 's3:PutObjectTagging', 's3:DeleteObject']) {
        for (const key of Object.values(all)) expect(mayDo(tenant, action, key)).toBe(false);
      }
    },
  );

  it('neither deletes nor lists, changes no adapter, and sees no weights', () => {
    expect(mayDo('acme', 's3:DeleteObject', own)).toBe(false);
    for (const key of [ownAdapter, dropped]) expect(mayDo('acme', 's3:PutObject', key)).toBe(false);
    expect(mayDo('acme', 's3:GetObject', modelFileKey('fake', '1', 'weights.bin'))).toBe(false);
    expect(JSON.stringify(statements)).not.toContain('ListBucket');
    expect(statements.every(({ Effect }) => Effect === 'Allow')).toBe(true);
  });

  it('begins with a tag that names a tenant, and takes no other tag', () => {
    const [trust] = role?.properties.AssumeRolePolicyDocument.Statement ?? [];

    expect(trust).toMatchObject({
      Action: ['sts:AssumeRole', 'sts:TagSession'],
      Condition: {
        StringLike: { 'aws:RequestTag/tenant': '?*' },
        'ForAllValues:StringEquals': { 'aws:TagKeys': ['tenant'] },
      },
    });
    expect(JSON.stringify(trust.Principal)).toContain(':root');
  });
});
