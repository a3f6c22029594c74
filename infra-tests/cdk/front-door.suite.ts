/** The front door where a config asks for more than the least, and where a function streams. */
import { describe, expect, it } from 'vitest';
import { errorSchema } from '#core/api/error-resource.ts';
import { lastsAsAJob } from '#core/api/route.ts';
import { routeList } from '#core/api/routes.ts';
import { examples, pathsOf, synthesize } from './synthesized.ts';

describe('routes that last as long as a job', () => {
  const { ofType } = synthesize(examples.smallest);
  const paths = pathsOf(ofType('AWS::ApiGateway::Resource'));
  const methods = ofType('AWS::ApiGateway::Method').map(({ properties }) => ({
    method: `${properties.HttpMethod} ${paths.get(properties.ResourceId.Ref)}`,
    integration: properties.Integration,
  }));
  const streamed = methods.filter(({ integration }) => integration.ResponseTransferMode === 'STREAM');
  const whole = methods.filter(({ integration }) => integration.ResponseTransferMode !== 'STREAM');

  it('are those that send events and those that wait for the end of a job', () => {
    expect(routeList.filter(lastsAsAJob).map(({ id }) => id)).toEqual([
      'followJob',
      'createChatCompletion',
      'createCompletion',
      'createImage',
      'replicateStreamPrediction',
      'falRun',
      'falStream',
      'falStreamStatus',
    ]);
  });

  it('send as they go for fifteen minutes, with every other method of their paths; all others have 29 seconds', () => {
    const wanted = routeList
      .filter(lastsAsAJob)
      .flatMap(({ method, path }) => [`${method} ${path}`, `ANY ${path}`]);

    expect(streamed.map(({ method }) => method).toSorted()).toEqual(wanted.toSorted());
    expect(new Set(streamed.map(({ integration }) => integration.TimeoutInMillis))).toEqual(
      new Set([900_000]),
    );
    expect(new Set(whole.map(({ integration }) => integration.TimeoutInMillis))).toEqual(new Set([29_000]));
  });

  it('are answered by the handler that streams, of a function that may run as long', () => {
    const [lambda] = ofType('AWS::Lambda::Function').filter(
      ({ properties }) => properties.Handler === 'index.streaming',
    );

    expect(lambda?.properties.Timeout).toBe(900);
    for (const { integration } of streamed) {
      expect(JSON.stringify(integration.Uri)).toContain(`"${lambda?.id}"`);
      expect(JSON.stringify(integration.Uri)).toContain('/response-streaming-invocations');
    }
    for (const { integration } of whole) expect(JSON.stringify(integration.Uri)).not.toContain(lambda?.id);
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
