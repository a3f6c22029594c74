/**
 * One Lambda function from its row of `entries.ts`: Node 24 on ARM64, a role and a log group of its own. What its accesses and
 * `variables` set together must be the environment that its entry parses, or it does not compile.
 */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Function as LambdaFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';
import { type Entry, type EntryEnv, type EntryName, entries } from '../entries.ts';
import type { Access, NamesOf } from './access.ts';
import { acknowledge } from './acknowledge.ts';
import { bundle, modelsDir } from './bundle.ts';

/** Set by Lambda, and by the construct for entries that have models. */
type OwnNames = 'AWS_REGION' | 'PILOTLIGHT_MODELS_DIR';

export interface NodeFunctionProps<Name extends EntryName, Accesses extends readonly Access[]> {
  readonly deployment: Deployment;
  readonly entry: Name;
  readonly accesses: Accesses;
  /** What no access sets. */
  readonly variables: Omit<EntryEnv[Name], NamesOf<Accesses> | OwnNames>;
  /**
   * How many may run at once, kept free for this function alone.
   * @default as many as the account has left
   */
  readonly reservedConcurrency?: number;
  /**
   * For a function that others know by its name before it is there.
   * @default made by CloudFormation
   */
  readonly functionName?: string;
  /**
   * Its part of the requests that X-Ray records.
   * @default false: a tick belongs to no request
   */
  readonly isTraced?: boolean;
}

export class NodeFunction<
  Name extends EntryName = EntryName,
  const Accesses extends readonly Access[] = readonly Access[],
> extends Construct {
  readonly entry: EntryName;
  readonly lambda: LambdaFunction;
  readonly logGroup: LogGroup;
  /** It is turned away by design while others of it run, and asked again. */
  readonly isBounded: boolean;

  constructor(scope: Construct, id: string, props: NodeFunctionProps<Name, Accesses>) {
    super(scope, id);
    this.entry = props.entry;
    this.isBounded = props.reservedConcurrency !== undefined;
    const entry: Entry = entries[props.entry];
    const { config, manifests } = props.deployment;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: config.logDays,
      // Logs hold no payloads; what is kept longer is in the tables.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = this.roleWithLog();
    this.lambda = new LambdaFunction(this, 'Function', {
      description: entry.description,
      code: bundle(entry.file, entry.hasModels ? manifests.map((manifest) => manifest.id) : []),
      handler: `index.${entry.handler ?? 'handler'}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: entry.memoryMb,
      timeout: Duration.millis(entry.timeoutMs),
      role,
      logGroup: this.logGroup,
      environment: environmentOf(entry, props.accesses, props.variables),
      ...(props.reservedConcurrency === undefined
        ? {}
        : { reservedConcurrentExecutions: props.reservedConcurrency }),
      ...(props.functionName === undefined ? {} : { functionName: props.functionName }),
      tracing: props.isTraced === true ? Tracing.ACTIVE : Tracing.DISABLED,
    });
    for (const access of props.accesses) access.grantTo(this.lambda);
    if (props.isTraced === true) {
      acknowledge(role, { 'AwsSolutions-IAM5[Resource::*]': 'Segments of X-Ray are put to no resource.' });
    } else {
      acknowledge(this.lambda, {
        'Serverless-LambdaTracing':
          'A tick or an event belongs to no request; a job is found by its trace id.',
      });
    }
  }

  /** Instead of AWSLambdaBasicExecutionRole, which may write to every log group of the account. */
  private roleWithLog(): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [this.logGroup.logGroupArn],
      }),
    );
    return role;
  }
}

function environmentOf(entry: Entry, accesses: readonly Access[], variables: object): Record<string, string> {
  const all = Object.assign({}, ...accesses.map((access) => access.variables), variables);
  const set = Object.entries(all).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return { ...Object.fromEntries(set), ...(entry.hasModels ? { PILOTLIGHT_MODELS_DIR: modelsDir } : {}) };
}
