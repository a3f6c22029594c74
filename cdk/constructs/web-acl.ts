/**
 * A web ACL of two rules. None looks into bodies: prompts and NewBie's XML look like the attacks that such rules know, and
 * what the API reads is parsed by schemas.
 */
import type { Stage } from 'aws-cdk-lib/aws-apigateway';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';

export type WebAclProps = NonNullable<Config['waf']> & { readonly stage: Stage };

export class WebAcl extends Construct {
  constructor(scope: Construct, id: string, { stage, requestsPerAddress }: WebAclProps) {
    super(scope, id);
    const acl = new CfnWebACL(this, 'Acl', {
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: metricsOf('web-acl'),
      rules: [
        {
          name: 'requests-of-one-address',
          priority: 0,
          statement: { rateBasedStatement: { aggregateKeyType: 'IP', limit: requestsPerAddress } },
          action: { block: {} },
          visibilityConfig: metricsOf('requests-of-one-address'),
        },
        {
          name: 'addresses-of-bad-repute',
          priority: 1,
          statement: {
            managedRuleGroupStatement: { vendorName: 'AWS', name: 'AWSManagedRulesAmazonIpReputationList' },
          },
          overrideAction: { none: {} },
          visibilityConfig: metricsOf('addresses-of-bad-repute'),
        },
      ],
    });
    new CfnWebACLAssociation(this, 'Association', { resourceArn: stage.stageArn, webAclArn: acl.attrArn });
  }
}

function metricsOf(metricName: string) {
  return { metricName, cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false };
}
