import type { APIGatewayProxyEvent } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { apiUrlOf } from './api-url.ts';

function urlOf(domainName: string, path: string, proto?: string) {
  const headers = proto === undefined ? {} : { 'X-Forwarded-Proto': proto };
  const event = { path: '/v1/jobs', headers, requestContext: { domainName, path } };
  // Nothing else of the event is read.
  return apiUrlOf(event as unknown as APIGatewayProxyEvent);
}

describe('the address of the API', () => {
  it.each([
    [
      'x.execute-api.eu-west-1.amazonaws.com',
      '/prod/v1/jobs',
      'https',
      'https://x.execute-api.eu-west-1.amazonaws.com/prod',
    ],
    ['api.example.com', '/v1/jobs', undefined, 'https://api.example.com'],
    ['127.0.0.1:4180', '/v1/jobs', 'http', 'http://127.0.0.1:4180'],
    ['[::1]:4180', '/v1/jobs', 'http', 'http://[::1]:4180'],
  ])('is as the client reached it: %s%s', (domain, path, proto, url) => {
    expect(urlOf(domain, path, proto)).toBe(url);
  });

  it.each(['', 'a b', 'evil.example/x', 'user@evil.example', 'a:b:c', 'a"b', 'a:99999999'])(
    'is nothing that is no host, such as %j',
    (domain) => {
      expect(urlOf(domain, '/v1/jobs')).toBe('https://localhost');
    },
  );
});
