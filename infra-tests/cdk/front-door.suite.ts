/** The front door where a config asks for more than the least, and where a function streams. */
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { describe, expect, it } from 'vitest';
import { errorSchema } from '#core/api/error-resource.ts';
import { parseConfig } from '../../cdk/config.ts';
import { RestFrontDoor } from '../../cdk/constructs/rest-front-door.ts';
import { deploymentOf } from '../../cdk/deployment.ts';
import { examples, manifests, synthesize } from './synthesized.ts';

function streamingDoor(): Template {
  const outcome = parseConfig(examples.smallest, manifests);
  if (outcome.kind === 'invalid') throw new Error('the example has faults');
  const stack = new Stack(new App(), 'Stack');
  const lambda = (id: string) =>
    new LambdaFunction(stack, id, {
      code: Code.fromInline('exports.handler = async () => undefined'),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
    });
  new RestFrontDoor(stack, 'Door', {
    deployment: deploymentOf(outcome.config, manifests),
    buffered: lambda('Buffered'),
    streamed: { function: lambda('Streamed'), isStreamed: ({ id }) => id === 'submitJob' },
  });
  return Template.fromStack(stack);
}

describe('a route that streams', () => {
  const methods = Object.values(streamingDoor().findResources('AWS::ApiGateway::Method')).map(
    ({ Properties }) => Properties,
  );

  it('is given fifteen minutes and sends as it goes, by its own function; all others have 29 seconds', () => {
    const streamed = methods.filter(({ Integration }) => Integration.ResponseTransferMode === 'STREAM');
    const whole = methods.filter(({ Integration }) => Integration.ResponseTransferMode !== 'STREAM');

    expect(streamed).toHaveLength(1);
    expect(streamed[0].Integration.TimeoutInMillis).toBe(900_000);
    expect(JSON.stringify(streamed[0].Integration.Uri)).toMatch(/Streamed.*response-streaming-invocations/);
    expect(new Set(whole.map(({ Integration }) => Integration.TimeoutInMillis))).toEqual(new Set([29_000]));
  });
});

describe('what API Gateway answers by itself', () => {
  const answers = synthesize(examples.smallest).ofType('AWS::ApiGateway::GatewayResponse');

  it.each(answers.map(({ properties }) => [properties.ResponseType, properties]))(
    'to %s has the form of our errors',
    (_, properties) => {
      const body = JSON.parse(properties.ResponseTemplates['application/json']);

      expect(errorSchema.parse(body).error.request_id).toBe('$context.requestId');
      expect(properties.StatusCode).toMatch(/^[45][0-9]{2}$/);
    },
  );

  it('to a path that there is none of is 404, and to too many requests 429', () => {
    const statuses = Object.fromEntries(
      answers.map(({ properties }) => [properties.ResponseType, properties.StatusCode]),
    );

    expect(statuses).toMatchObject({
      MISSING_AUTHENTICATION_TOKEN: '404',
      THROTTLED: '429',
      REQUEST_TOO_LARGE: '413',
    });
  });
});

describe('the agency', () => {
  const { ofType } = synthesize(examples.agency);

  it('is reached under its own name alone, over TLS 1.2 at least', () => {
    expect(ofType('AWS::ApiGateway::DomainName')[0]?.properties).toMatchObject({
      DomainName: 'api.agency.example',
      SecurityPolicy: 'TLS_1_2',
      EndpointConfiguration: { Types: ['REGIONAL'] },
    });
    expect(ofType('AWS::ApiGateway::RestApi')[0]?.properties.DisableExecuteApiEndpoint).toBe(true);
    expect(ofType('AWS::Route53::RecordSet')[0]?.properties.Name).toBe('api.agency.example.');
  });

  it('has a web ACL that looks into no body, tied to its stage', () => {
    const [acl] = ofType('AWS::WAFv2::WebACL');

    expect(JSON.stringify(acl?.properties.Rules)).not.toMatch(/CommonRuleSet|SQLi|Body/);
    expect(acl?.properties.Rules[0].Statement.RateBasedStatement.Limit).toBe(5_000);
    expect(JSON.stringify(ofType('AWS::WAFv2::WebACLAssociation')[0]?.properties.ResourceArn)).toContain(
      '/stages/',
    );
  });

  it('tells its address of alarms and of the parts of its budget', () => {
    expect(ofType('AWS::SNS::Subscription')[0]?.properties).toMatchObject({
      Protocol: 'email',
      Endpoint: 'alarms@agency.example',
    });
    const [budget] = ofType('AWS::Budgets::Budget');
    expect(budget?.properties.Budget.BudgetLimit).toEqual({ Amount: 1_500, Unit: 'USD' });
    expect(budget?.properties.NotificationsWithSubscribers).toHaveLength(3);
  });

  it('has the plans of its config stored at each deployment', () => {
    const [setUp] = ofType('Custom::PilotlightSetUp');

    expect(JSON.parse(setUp?.properties.plans)).toMatchObject({
      trial: { models: ['z-image-turbo'], limits: { weight: 1 } },
    });
  });
});
