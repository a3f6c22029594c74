/**
 * The network of the instances: public subnets, so that no NAT and no interface endpoint is paid for, and a security group that
 * lets nothing in. What an instance asks for goes out by its own address; S3 and DynamoDB by endpoints that cost nothing.
 */
import {
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

export class GpuNetwork extends Construct {
  readonly vpc: IVpc;
  readonly closed: ISecurityGroup;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.64.0.0/16'),
      natGateways: 0,
      // Every zone that the stack knows of: a card that one of them lacks may be in another.
      maxAzs: 99,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 20, mapPublicIpOnLaunch: true },
      ],
      gatewayEndpoints: {
        S3: { service: GatewayVpcEndpointAwsService.S3 },
        DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
      },
      // It would take a function of its own; nothing is put into that group.
      restrictDefaultSecurityGroup: false,
    });
    acknowledge(vpc, {
      'AwsSolutions-VPC7': 'Flow logs cost by what flows, and nothing is let in that they could tell of.',
    });
    this.vpc = vpc;
    this.closed = new SecurityGroup(this, 'Closed', {
      vpc,
      description: 'Lets nothing in',
      allowAllOutbound: true,
    });
  }
}
