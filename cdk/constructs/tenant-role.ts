/**
 * A role that sees the files of one tenant: whoever assumes it names the tenant by a session tag, and can neither leave the tag
 * out nor add others. A model that got hold of such credentials reaches what its own job's tenant may reach, and no more.
 */
import { Duration, Stack } from 'aws-cdk-lib';
import { AccountRootPrincipal, PolicyStatement, Role, SessionTagsPrincipal } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { GrantedResource } from '#aws/operations.ts';
import { bySession, sessionPermissions } from '#aws/operations.ts';
import { bucketSettings, tenantTag } from '#aws/resources.ts';
import { type Access, accessBy } from './access.ts';
import { acknowledge } from './acknowledge.ts';
import type { EncryptionKey } from './encryption-key.ts';

/** Where objects of tenants lie, each below its name. */
export const tenantPrefixes = {
  tenantFiles: bucketSettings.tenantPrefix,
  adapterFiles: bucketSettings.adapterPrefix,
  droppedFiles: bucketSettings.dropInPrefix,
  dropResults: bucketSettings.dropOutPrefix,
} as const satisfies Partial<Readonly<Record<GrantedResource, string>>>;

export interface TenantRoleProps {
  readonly bucket: Bucket;
  /** Of files of encrypted volumes, if the deployment has one. */
  readonly key: EncryptionKey | null;
}

export class TenantRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, { bucket, key }: TenantRoleProps) {
    super(scope, id);
    // Within the account; of its principals those that are given `sessions`, as no other may assume anything.
    const tagged = new SessionTagsPrincipal(
      new AccountRootPrincipal().withConditions({
        StringLike: { [`aws:RequestTag/${tenantTag}`]: '?*' },
        'ForAllValues:StringEquals': { 'aws:TagKeys': [tenantTag] },
      }),
    );
    this.role = new Role(this, 'Role', {
      assumedBy: tagged,
      description: 'Files of the tenant that the session is tagged with',
      // What a session of a role that was assumed itself may last at most.
      maxSessionDuration: Duration.hours(1),
    });
    const permissions = sessionPermissions();
    for (const [resource, prefix] of Object.entries(tenantPrefixes)) {
      // The names of the record are of the type of its keys.
      this.allow(bucket, prefix, permissions.get(resource as GrantedResource) ?? []);
    }
    const keyActions = key?.actionsFor(bySession) ?? [];
    if (key !== null && keyActions.length > 0)
      this.role.addToPolicy(new PolicyStatement({ actions: keyActions, resources: [key.arn] }));
  }

  /** Assuming it for a tenant. */
  sessions(): Access<{ readonly PILOTLIGHT_TENANT_ROLE: string }> {
    const { roleArn } = this.role;
    return accessBy({ PILOTLIGHT_TENANT_ROLE: roleArn }, () => [
      new PolicyStatement({ actions: ['sts:AssumeRole', 'sts:TagSession'], resources: [roleArn] }),
    ]);
  }

  private allow(bucket: Bucket, prefix: string, actions: readonly string[]): void {
    // IAM's own variable: it is filled in when a session asks.
    const objects = `${prefix}\${aws:PrincipalTag/${tenantTag}}/*`;
    this.role.addToPolicy(
      new PolicyStatement({ actions: [...actions], resources: [bucket.arnForObjects(objects)] }),
    );
    // As cdk-nag writes it: its findings have `<…>` for `${…}`.
    const found = objects.replace(/\$\{(.*)\}/, '<$1>');
    const bucketId = Stack.of(this).resolve(bucket.bucketArn)['Fn::GetAtt'][0];
    acknowledge(this.role, {
      [`AwsSolutions-IAM5[Resource::<${bucketId}.Arn>/${found}]`]:
        'Every object of the one tenant that the session is tagged with.',
    });
  }
}
