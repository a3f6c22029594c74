/**
 * Sessions of the role that sees the files of one tenant: each is tagged with its tenant, and whoever has it reaches that
 * tenant's objects and no others. One is kept for each tenant until it nears its end.
 */
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts';
import type { Clock } from '#core/ports/process.ts';
import { tenantTag } from './resources.ts';

/** What a session of a role that was assumed itself may last at most. */
const sessionSeconds = 60 * 60;
/** A link lasts a quarter of an hour and ends with the session that signed it; the rest is for clocks that differ. */
const renewMs = 20 * 60_000;
/** ~2 KB each; whoever was asked for longest ago makes way. */
const keptMax = 1_000;

export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

export interface TenantSessions {
  /** A session with twenty minutes left at least. Rejects when none is given. */
  of(tenantId: string): Promise<Session>;
}

export function createTenantSessions(
  assume: (tenantId: string) => Promise<Session>,
  clock: Pick<Clock, 'nowMs'>,
): TenantSessions {
  const kept = new Map<string, Promise<Session>>();

  async function usable(before: Promise<Session> | undefined): Promise<boolean> {
    const session = await before?.catch(() => undefined);
    return session !== undefined && session.expiration.getTime() - clock.nowMs() > renewMs;
  }

  return {
    async of(tenantId) {
      const before = kept.get(tenantId);
      if (before !== undefined && (await usable(before))) return before;
      // Somebody else may have asked meanwhile: one session for all of them.
      const latest = kept.get(tenantId);
      const session = latest !== undefined && latest !== before ? latest : assume(tenantId);
      kept.delete(tenantId);
      kept.set(tenantId, session);
      for (const oldest of kept.keys()) {
        if (kept.size <= keptMax) break;
        kept.delete(oldest);
      }
      return session;
    },
  };
}

/** By STS. @param client as other SDK clients are set up */
export function assumeBySts(client: STSClient, roleArn: string): (tenantId: string) => Promise<Session> {
  return async (tenantId) => {
    const { Credentials } = await client.send(
      new AssumeRoleCommand({
        RoleArn: roleArn,
        // Shown in CloudTrail; two characters at least, 64 at most.
        RoleSessionName: `t.${tenantId}`.slice(0, 64),
        DurationSeconds: sessionSeconds,
        Tags: [{ Key: tenantTag, Value: tenantId }],
      }),
    );
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
    if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration)
      throw new Error('STS answered without a session');
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiration: Expiration,
    };
  };
}
