/**
 * API Gateway's REST API, Regional: every path of the route table with its methods, and one more method a path (`ANY`) for HEAD and for
 * methods that there are none of, which the function refuses with `Allow`. Other paths are answered here, so that those
 * who probe for them start no function.
 */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  AccessLogField,
  AccessLogFormat,
  EndpointType,
  type Integration,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  ResponseTransferMode,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { lastsAsAJob } from '#core/api/route.ts';
import { routeList } from '#core/api/routes.ts';
import { streamLimits } from '#core/limits.ts';
import type { Deployment } from '../deployment.ts';
import { acknowledge } from './acknowledge.ts';
import { CustomDomain } from './custom-domain.ts';
import { addGatewayAnswers } from './gateway-answers.ts';
import { WebAcl } from './web-acl.ts';

/** Of the one stage, in the address of the API. */
export const stageName = 'live';

/** API Gateway's default for an integration, and its own limit without a raised quota. */
const bufferedMs = 29_000;
/** Its limit where an answer is streamed. */
const streamedMs = streamLimits.longestMs;

/** What a client sends as it is: with any other type the function is given text. */
const binaryTypes = [
  'image/png',
  'image/jpeg',
  'image/webp',
  'multipart/form-data',
  'application/octet-stream',
];

export interface RestFrontDoorProps {
  readonly deployment: Deployment;
  /** Answers every route but those that `streamed` does, each within 29 seconds. */
  readonly buffered: IFunction;
  /** Answers the routes that last as long as a job. */
  readonly streamed: IFunction;
}

export class RestFrontDoor extends Construct {
  readonly api: RestApi;
  readonly accessLog: LogGroup;

  constructor(scope: Construct, id: string, props: RestFrontDoorProps) {
    super(scope, id);
    const { config } = props.deployment;
    this.accessLog = new LogGroup(this, 'AccessLog', {
      retention: config.logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.api = this.restApi(props);
    this.addRoutes(props);
    addGatewayAnswers(this.api);
    if (config.domain !== undefined) new CustomDomain(this, 'Domain', { api: this.api, ...config.domain });
    if (config.waf !== undefined) {
      new WebAcl(this, 'WebAcl', { stage: this.api.deploymentStage, ...config.waf });
    }
    this.explain(config);
  }

  private restApi({ deployment: { config } }: RestFrontDoorProps): RestApi {
    return new RestApi(this, 'Api', {
      restApiName: config.name,
      endpointTypes: [EndpointType.REGIONAL],
      binaryMediaTypes: binaryTypes,
      // A name of one's own is the only one then: rules that are tied to it cannot be gone around.
      disableExecuteApiEndpoint: config.domain !== undefined,
      cloudWatchRole: config.api.ownsAccountLogRole,
      // The account's other APIs log by it too: kept, unless nothing is to be left.
      cloudWatchRoleRemovalPolicy: config.onDestroy === 'keep' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      deployOptions: {
        stageName,
        tracingEnabled: config.traces.sampledPercent > 0,
        accessLogDestination: new LogGroupLogDestination(this.accessLog),
        accessLogFormat: accessLogFormat(),
        // Execution logs hold what tenants send; errors alone come without.
        loggingLevel: MethodLoggingLevel.ERROR,
        dataTraceEnabled: false,
        metricsEnabled: false,
        throttlingRateLimit: config.api.requestsPerSecond,
        throttlingBurstLimit: config.api.requestsBurst,
      },
    });
  }

  private addRoutes({ buffered, streamed }: RestFrontDoorProps): void {
    const whole = integrationOf(buffered, ResponseTransferMode.BUFFERED, bufferedMs);
    const inPieces = integrationOf(streamed, ResponseTransferMode.STREAM, streamedMs);
    const paths = Map.groupBy(routeList, ({ path }) => path);
    for (const [path, routes] of paths) {
      const resource = this.api.root.resourceForPath(path);
      for (const route of routes) resource.addMethod(route.method, lastsAsAJob(route) ? inPieces : whole);
      // Asked for its headers alone, a route must be answered by who can answer it.
      resource.addMethod('ANY', routes.some(lastsAsAJob) ? inPieces : whole);
    }
  }

  private explain(config: Deployment['config']): void {
    acknowledge(this.api, {
      'AwsSolutions-APIG2':
        'The function validates by the schemas of the route table, and names every fault by its path.',
      'AwsSolutions-APIG4':
        'Keys and tokens of tenants are checked in the function, whose answers tell nothing of either.',
      'AwsSolutions-COG4':
        'Keys and tokens of tenants are checked in the function; there are no users to be kept in a pool.',
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]':
        "The role that API Gateway writes logs by is the account's and of its own making.",
    });
    if (config.traces.sampledPercent === 0) {
      acknowledge(this.api, { 'Serverless-APIGWXrayEnabled': 'Switched off by `traces` of the config.' });
    }
    if (config.waf === undefined) {
      acknowledge(this.api, {
        'AwsSolutions-APIG3': 'A web ACL costs $5 a month idle: `waf` of the config adds one.',
      });
    }
  }
}

function integrationOf(
  handler: IFunction,
  responseTransferMode: ResponseTransferMode,
  timeoutMs: number,
): Integration {
  return new LambdaIntegration(handler, {
    responseTransferMode,
    timeout: Duration.millis(timeoutMs),
    // One permission for the whole API: one for each method would pass the 20 KB that a function's policy may have.
    scopePermissionToMethod: false,
  });
}

/** Neither query nor headers: links may carry what is nobody else's business. */
function accessLogFormat(): AccessLogFormat {
  return AccessLogFormat.custom(
    JSON.stringify({
      requestId: AccessLogField.contextRequestId(),
      time: AccessLogField.contextRequestTimeEpoch(),
      ip: AccessLogField.contextIdentitySourceIp(),
      method: AccessLogField.contextHttpMethod(),
      route: AccessLogField.contextResourcePath(),
      status: AccessLogField.contextStatus(),
      responseMs: AccessLogField.contextResponseLatency(),
      integrationMs: AccessLogField.contextIntegrationLatency(),
      responseBytes: AccessLogField.contextResponseLength(),
      error: AccessLogField.contextErrorResponseType(),
    }),
  );
}
