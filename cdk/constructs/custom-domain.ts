/** The API under a name of one's own; its record is made where the zone is known. */
import { CfnOutput } from 'aws-cdk-lib';
import { DomainName, EndpointType, type RestApi, SecurityPolicy } from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayDomain } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';

export type CustomDomainProps = NonNullable<Config['domain']> & { readonly api: RestApi };

export class CustomDomain extends Construct {
  constructor(scope: Construct, id: string, { api, name, certificateArn, hostedZone }: CustomDomainProps) {
    super(scope, id);
    const domain = new DomainName(this, 'Name', {
      domainName: name,
      certificate: Certificate.fromCertificateArn(this, 'Certificate', certificateArn),
      endpointType: EndpointType.REGIONAL,
      securityPolicy: SecurityPolicy.TLS_1_2,
      mapping: api,
    });
    if (hostedZone === undefined) {
      new CfnOutput(this, 'PointTo', {
        value: domain.domainNameAliasDomainName,
        description: `Where a CNAME record of ${name} must point`,
      });
      return;
    }
    const zone = HostedZone.fromHostedZoneAttributes(this, 'Zone', {
      hostedZoneId: hostedZone.id,
      zoneName: hostedZone.name,
    });
    const record = { zone, recordName: name, target: RecordTarget.fromAlias(new ApiGatewayDomain(domain)) };
    new ARecord(this, 'Record', record);
  }
}
