/** Whether the account may run the instances of the pools, and whether EC2 has them where the fleet looks for them. */
import { DescribeAvailabilityZonesCommand, DescribeInstanceTypeOfferingsCommand } from '@aws-sdk/client-ec2';
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  NoSuchResourceException,
} from '@aws-sdk/client-service-quotas';
import { instanceTypes } from '#cdk/instance-types.ts';
import { instancesFor } from '#cdk/pool-size.ts';
import { zonesOf } from '#cdk/zones.ts';
import { parameterOf } from './account.ts';
import type { Finding } from './finding.ts';
import { ok, wrong } from './finding.ts';
import type { Scene } from './scene.ts';

interface Quota {
  readonly service: string;
  readonly code: string;
  readonly name: string;
  readonly unit: string;
  /** What the deployment takes of it with every pool at its most. */
  readonly most: number;
  /** Below this, nothing of it starts. */
  readonly least: number;
}

/** Reserved for the scaler and for batches, beside the hundred that an account must keep free for other functions. */
const concurrencyLeast = 102;

const amiParameter = '/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id';

export async function checkQuotas({ deployment, clients }: Scene): Promise<Finding[]> {
  const { region } = deployment.config;
  return Promise.all(
    quotasOf(deployment.config.pools).map(async (quota) => {
      const { service, code, name, unit, most, least } = quota;
      const value = await quotaOf(clients.quotas, service, code);
      const said = {
        check: 'quota',
        subject: name,
        found: `${value} ${unit}, ${most} at most are asked for`,
      } as const;
      if (value >= most) return ok(said);
      const ask = `aws service-quotas request-service-quota-increase --region ${region} --service-code ${service} --quota-code ${code} --desired-value ${most}`;
      const effect = value < least ? 'Nothing of it starts' : 'It starts, and ends below `workersMax`';
      return wrong(said, `${effect}. Ask for more (hours to days): ${ask}`);
    }),
  );
}

function quotasOf(pools: Scene['deployment']['config']['pools']): Quota[] {
  const all = Object.values(pools);
  const processors = (of: typeof all) =>
    of.map((pool) => ({
      one: instanceTypes[pool.instanceType].processors,
      most: instancesFor(pool.workersMax, pool) * instanceTypes[pool.instanceType].processors,
    }));
  const ofMarket = (code: string, name: string, of: typeof all): Quota[] => {
    const needed = processors(of);
    if (needed.length === 0) return [];
    const most = needed.reduce((sum, each) => sum + each.most, 0);
    const least = Math.max(...needed.map(({ one }) => one));
    return [{ service: 'ec2', code, name, unit: 'vCPUs', most, least }];
  };
  return [
    // What Spot does not have, on-demand is asked for.
    ...ofMarket('L-DB2E81BA', 'Running On-Demand G and VT instances', all),
    ...ofMarket(
      'L-3819A6DF',
      'All G and VT Spot Instance Requests',
      all.filter(({ spotPercent }) => spotPercent > 0),
    ),
    {
      service: 'lambda',
      code: 'L-B99A9384',
      name: 'Lambda concurrent executions',
      unit: 'at once',
      most: concurrencyLeast,
      least: concurrencyLeast,
    },
  ];
}

/** The account's own, or what AWS gives to every account where nothing was ever changed. */
async function quotaOf(
  quotas: Scene['clients']['quotas'],
  ServiceCode: string,
  QuotaCode: string,
): Promise<number> {
  try {
    const { Quota } = await quotas.send(new GetServiceQuotaCommand({ ServiceCode, QuotaCode }));
    return Quota?.Value ?? 0;
  } catch (error) {
    if (!(error instanceof NoSuchResourceException)) throw error;
    const { Quota } = await quotas.send(new GetAWSDefaultServiceQuotaCommand({ ServiceCode, QuotaCode }));
    return Quota?.Value ?? 0;
  }
}

export async function checkAmi({ deployment, clients }: Scene): Promise<Finding[]> {
  const { region } = deployment.config;
  const ami = await parameterOf(clients.ssm, amiParameter);
  const said = { check: 'ami', subject: region } as const;
  if (ami !== null) return [ok({ ...said, found: ami })];
  const todo = 'ECS has no GPU image of Amazon Linux 2023 there: choose another `region`.';
  return [wrong({ ...said, found: `there is no ${amiParameter}` }, todo)];
}

export async function checkZones({ deployment, clients }: Scene): Promise<Finding[]> {
  const { region, pools } = deployment.config;
  const own = await fleetZones(clients.ec2, region);
  return Promise.all(
    Object.entries(pools).map(async ([pool, { instanceType }]) => {
      const offered = await offeredZones(clients.ec2, instanceType);
      const usable = own.filter((zone) => offered.includes(zone));
      const said = {
        check: 'zones',
        subject: pool,
        found: `${instanceType} in ${usable.join(', ') || 'none'} of ${own.join(', ')}`,
      } as const;
      if (usable.length > 0) return ok(said);
      const todo =
        offered.length === 0
          ? `EC2 has no ${instanceType} in ${region}: choose another \`instanceType\` of the pool, or another \`region\`.`
          : `EC2 has ${instanceType} in ${offered.join(', ')} alone, and the fleet's subnets are in the first ${own.length} zones: choose another \`instanceType\`.`;
      return wrong(said, todo);
    }),
  );
}

/** Those that the fleet's subnets are in: the first by name, as CloudFormation lists them. */
async function fleetZones(ec2: Scene['clients']['ec2'], region: string): Promise<string[]> {
  const Filters = [{ Name: 'zone-type', Values: ['availability-zone'] }];
  const { AvailabilityZones = [] } = await ec2.send(new DescribeAvailabilityZonesCommand({ Filters }));
  const names = AvailabilityZones.flatMap(({ ZoneName }) => ZoneName ?? []);
  return names.toSorted().slice(0, zonesOf(region));
}

async function offeredZones(ec2: Scene['clients']['ec2'], instanceType: string): Promise<string[]> {
  const { InstanceTypeOfferings = [] } = await ec2.send(
    new DescribeInstanceTypeOfferingsCommand({
      LocationType: 'availability-zone',
      Filters: [{ Name: 'instance-type', Values: [instanceType] }],
    }),
  );
  return InstanceTypeOfferings.flatMap(({ Location }) => Location ?? []).toSorted();
}
