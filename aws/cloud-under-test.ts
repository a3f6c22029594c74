/**
 * As much of ECS and EC2 Auto Scaling as the fleet asks for, over HTTP, for tests: a service, groups with instances, and
 * what each call does to them by its API reference. Time stands still: tests say what boots, registers and ends.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

export interface CloudInstance {
  readonly id: string;
  lifecycle: 'Pending' | 'InService' | 'Terminating' | 'Warmed:Stopped';
  /** Null until its agent has registered. */
  status: 'ACTIVE' | 'DRAINING' | null;
  tasks: number;
  /** When its agent registered. @default the beginning of time */
  registeredAtMs?: number;
}

export interface CloudGroup {
  desired: number;
  max: number;
  instances: CloudInstance[];
  suspended: string[];
  activity: { readonly status: 'Failed' | 'Successful'; readonly atMs: number } | null;
}

export interface Cloud {
  readonly endpoint: string;
  /** The attribute that its instances carry. */
  pool: string;
  readonly groups: Map<string, CloudGroup>;
  service: { desired: number; running: number; pending: number } | null;
  /** Calls that change something, in order: operation, and what it was given. */
  readonly changes: string[];
  /** Operations that fail next, once each, by the code and message of the error. */
  readonly failures: Map<string, { readonly code: string; readonly message: string }>;
  /** Called as an instance is closed: a task may just have come to it. */
  onClosing: (instance: CloudInstance) => void;
  close(): void;
}

type Fields = Readonly<Record<string, unknown>>;

class CloudError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export async function startCloud(): Promise<Cloud> {
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const answer =
      request.headers['x-amz-target'] === undefined ? query(cloud, body) : json(cloud, request, body);
    response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const cloud: Cloud = {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    pool: 'demo',
    groups: new Map(),
    service: { desired: 0, running: 0, pending: 0 },
    changes: [],
    failures: new Map(),
    onClosing: () => undefined,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return cloud;
}

function json(cloud: Cloud, request: IncomingMessage, body: string) {
  const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
  const type = 'application/x-amz-json-1.1';
  try {
    refuse(cloud, operation);
    return { status: 200, type, body: JSON.stringify(ecs(cloud, operation, JSON.parse(body))) };
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    return { status: 400, type, body: JSON.stringify({ __type: error.code, message: error.message }) };
  }
}

function refuse(cloud: Cloud, operation: string): void {
  const failure = cloud.failures.get(operation);
  cloud.failures.delete(operation);
  if (failure !== undefined) throw new CloudError(failure.code, failure.message);
}

function ecs(cloud: Cloud, operation: string, input: Fields): unknown {
  const members = [...cloud.groups.values()].flatMap(({ instances }) =>
    instances.filter(({ status }) => status !== null),
  );
  const asked = members.filter(({ id }) => [input.containerInstances].flat().includes(`arn:${id}`));
  const shown = (each: CloudInstance) => ({
    containerInstanceArn: `arn:${each.id}`,
    ec2InstanceId: each.id,
    status: each.status,
    registeredAt: (each.registeredAtMs ?? 0) / 1_000,
    runningTasksCount: each.tasks,
    pendingTasksCount: 0,
  });
  switch (operation) {
    case 'DescribeServices':
      return { services: cloud.service === null ? [] : [serviceOf(cloud.service)] };
    case 'UpdateService':
      if (cloud.service === null) throw new CloudError('ServiceNotFoundException', 'Service not found.');
      cloud.changes.push(`UpdateService ${input.desiredCount}`);
      cloud.service.desired = Number(input.desiredCount);
      return {};
    case 'ListContainerInstances':
      if (input.filter !== `attribute:pilotlight.pool == ${cloud.pool}`) return { containerInstanceArns: [] };
      return { containerInstanceArns: members.map(({ id }) => `arn:${id}`) };
    case 'DescribeContainerInstances':
      return { containerInstances: asked.map(shown) };
    case 'UpdateContainerInstancesState':
      for (const each of asked) {
        if (input.status === 'DRAINING') cloud.onClosing(each);
        cloud.changes.push(`${input.status} ${each.id}`);
        each.status = input.status === 'DRAINING' ? 'DRAINING' : 'ACTIVE';
      }
      return { containerInstances: asked.map(shown) };
    default:
      throw new CloudError('InvalidAction', operation);
  }
}

function serviceOf({ desired, running, pending }: NonNullable<Cloud['service']>) {
  return { status: 'ACTIVE', desiredCount: desired, runningCount: running, pendingCount: pending };
}

function query(cloud: Cloud, body: string) {
  const input = new URLSearchParams(body);
  const operation = input.get('Action') ?? '';
  try {
    refuse(cloud, operation);
    const result = autoScaling(cloud, operation, input);
    return { status: 200, type: 'text/xml', body: envelope(operation, result) };
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    const { code, message } = error;
    const fault = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
    return { status: 400, type: 'text/xml', body: `<ErrorResponse>${fault}</ErrorResponse>` };
  }
}

const envelope = (operation: string, result: string) =>
  `<${operation}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><${operation}Result>${result}</${operation}Result></${operation}Response>`;

function autoScaling(cloud: Cloud, operation: string, input: URLSearchParams): string {
  const name = input.get('AutoScalingGroupName') ?? '';
  switch (operation) {
    case 'DescribeAutoScalingGroups': {
      const names = [...input]
        .filter(([key]) => key.startsWith('AutoScalingGroupNames.'))
        .map(([, value]) => value);
      const found = names.flatMap((each) => {
        const group = cloud.groups.get(each);
        return group === undefined ? [] : [groupXml(each, group)];
      });
      return `<AutoScalingGroups>${found.join('')}</AutoScalingGroups>`;
    }
    case 'DescribeScalingActivities': {
      const activity = cloud.groups.get(name)?.activity ?? null;
      return `<Activities>${activity === null ? '' : activityXml(name, activity)}</Activities>`;
    }
    case 'SuspendProcesses':
      cloud.changes.push(`SuspendProcesses ${name} ${input.get('ScalingProcesses.member.1')}`);
      cloud.groups.get(name)?.suspended.push(input.get('ScalingProcesses.member.1') ?? '');
      return '';
    case 'SetDesiredCapacity':
      return setDesired(cloud, name, Number(input.get('DesiredCapacity')));
    case 'TerminateInstanceInAutoScalingGroup':
      return terminate(
        cloud,
        input.get('InstanceId'),
        input.get('ShouldDecrementDesiredCapacity') === 'true',
      );
    default:
      throw new CloudError('InvalidAction', operation);
  }
}

function setDesired(cloud: Cloud, name: string, desired: number): string {
  const group = cloud.groups.get(name);
  if (group === undefined) throw new CloudError('ValidationError', 'AutoScalingGroup name not found');
  if (desired > group.max)
    throw new CloudError('ValidationError', 'New SetDesiredCapacity value is above max');
  cloud.changes.push(`SetDesiredCapacity ${name} ${desired}`);
  group.desired = desired;
  return '';
}

function terminate(cloud: Cloud, id: string | null, decrements: boolean): string {
  for (const group of cloud.groups.values()) {
    const instance = group.instances.find((each) => each.id === id && each.lifecycle !== 'Terminating');
    if (instance === undefined) continue;
    cloud.changes.push(`Terminate ${id}${decrements ? '' : ' replaced'}`);
    instance.lifecycle = 'Terminating';
    if (decrements) group.desired -= 1;
    return '';
  }
  throw new CloudError('ValidationError', `Instance Id not found - No managed instance found for ${id}`);
}

function groupXml(name: string, group: CloudGroup): string {
  const instances = group.instances.map(
    ({ id, lifecycle }) =>
      `<member><InstanceId>${id}</InstanceId><LifecycleState>${lifecycle}</LifecycleState></member>`,
  );
  const suspended = group.suspended.map((each) => `<member><ProcessName>${each}</ProcessName></member>`);
  return `<member><AutoScalingGroupName>${name}</AutoScalingGroupName><DesiredCapacity>${group.desired}</DesiredCapacity>
    <MinSize>0</MinSize><MaxSize>${group.max}</MaxSize><Instances>${instances.join('')}</Instances>
    <SuspendedProcesses>${suspended.join('')}</SuspendedProcesses></member>`;
}

function activityXml(name: string, { status, atMs }: NonNullable<CloudGroup['activity']>): string {
  return `<member><ActivityId>${name}-${atMs}</ActivityId><AutoScalingGroupName>${name}</AutoScalingGroupName>
    <StartTime>${new Date(atMs).toISOString()}</StartTime><StatusCode>${status}</StatusCode></member>`;
}
