import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { STSClient } from '@aws-sdk/client-sts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import type { Session } from './tenant-sessions.ts';
import { assumeBySts, createTenantSessions } from './tenant-sessions.ts';

const minute = 60_000;

function scene() {
  const clock = createManualClock(1_800_000_000_000);
  const asked: string[] = [];
  let refuses = false;
  const assume = async (tenantId: string): Promise<Session> => {
    asked.push(tenantId);
    if (refuses) throw new Error('access denied');
    const expiration = new Date(clock.nowMs() + 60 * minute);
    const secret = `${tenantId}-${asked.length}`;
    return { accessKeyId: secret, secretAccessKey: secret, sessionToken: secret, expiration };
  };
  const refuse = (whether: boolean) => {
    refuses = whether;
  };
  return { clock, asked, refuse, sessions: createTenantSessions(assume, clock) };
}

describe('sessions of tenants', () => {
  it('are kept for each tenant, and renewed while a link would still outlive them', async () => {
    const { clock, asked, sessions } = scene();

    const first = await sessions.of('a');
    await clock.advance(39 * minute);
    expect(await sessions.of('a')).toBe(first);
    await clock.advance(minute);
    const second = await sessions.of('a');

    expect(second).not.toBe(first);
    expect(second.expiration.getTime() - clock.nowMs()).toBe(60 * minute);
    expect(asked).toEqual(['a', 'a']);
  });

  it('are never those of another tenant', async () => {
    const { sessions } = scene();

    const [a, b] = await Promise.all([sessions.of('a'), sessions.of('b')]);

    expect([a.accessKeyId, b.accessKeyId]).toEqual(['a-1', 'b-2']);
    expect((await sessions.of('a')).accessKeyId).toBe('a-1');
  });

  it('are asked for once by many at a time, also where the one before ends', async () => {
    const { clock, asked, sessions } = scene();

    await Promise.all(Array.from({ length: 32 }, () => sessions.of('a')));
    await clock.advance(50 * minute);
    const renewed = await Promise.all(Array.from({ length: 32 }, () => sessions.of('a')));

    expect(new Set(renewed).size).toBe(1);
    expect(asked).toEqual(['a', 'a']);
  });

  it('that were refused are asked for again', async () => {
    const { asked, refuse, sessions } = scene();
    refuse(true);
    await expect(sessions.of('a')).rejects.toThrow('access denied');
    refuse(false);

    expect(await sessions.of('a')).toMatchObject({ accessKeyId: 'a-2' });
    expect(asked).toEqual(['a', 'a']);
  });

  it('are asked of STS for the role, tagged with the tenant', async () => {
    const bodies: URLSearchParams[] = [];
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      bodies.push(new URLSearchParams(body));
      response.end(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
        <AccessKeyId>id</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
        <Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    // A server that listens on a port has an address of this form.
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' };
    const sts = new STSClient({ region: 'eu-central-1', endpoint, credentials });
    onTestFinished(() => {
      sts.destroy();
      server.close();
    });
    const tenant = 't'.repeat(63);

    const session = await assumeBySts(sts, 'arn:aws:iam::1:role/tenant')(tenant);

    expect(session).toMatchObject({ accessKeyId: 'id', sessionToken: 'token' });
    expect(session.expiration.getTime()).toBe(Date.UTC(2030, 0, 1));
    expect(Object.fromEntries(bodies[0] ?? [])).toMatchObject({
      Action: 'AssumeRole',
      RoleArn: 'arn:aws:iam::1:role/tenant',
      DurationSeconds: '3600',
      'Tags.member.1.Key': 'tenant',
      'Tags.member.1.Value': tenant,
    });
    expect(bodies[0]?.get('RoleSessionName')).toHaveLength(64);
  });
});
