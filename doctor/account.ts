/** Whose account it is, whether this machine's clock goes right, and whether the region was bootstrapped. */
import { GetParameterCommand, ParameterNotFound } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { Finding } from './finding.ts';
import { ok, unknown, wrong } from './finding.ts';
import type { DoctorClients, Scene } from './scene.ts';

/** AWS refuses what was signed five minutes ago, or will be in five. */
const refusedMs = 5 * 60_000;
/** Then leases and deadlines told on this machine are off as well. */
const noticedMs = 30_000;

/** Of the stack that the templates' assets need (`DefaultStackSynthesizer` of aws-cdk-lib). */
const bootstrapVersionMin = 6;
const bootstrapParameter = '/cdk-bootstrap/hnb659fds/version';

export async function checkAccount({ deployment, clients, nowMs }: Scene): Promise<Finding[]> {
  const { account, region } = deployment.config;
  const dateMs = watchDate(clients.sts);
  const identity = await clients.sts.send(new GetCallerIdentityCommand({}));
  const said = {
    check: 'account',
    subject: region,
    found: `${identity.Account}, as ${identity.Arn}`,
  } as const;
  const isOther = account !== undefined && account !== identity.Account;
  return [
    isOther ? wrong(said, `The config names the account ${account}: use credentials of that one.`) : ok(said),
    clockFinding(dateMs(), nowMs()),
  ];
}

function clockFinding(theirMs: number | null, ourMs: number): Finding {
  const said = { check: 'clock', subject: 'this machine' } as const;
  if (theirMs === null) return unknown({ ...said, found: 'AWS said no time' }, 'Look again.');
  const offMs = Math.abs(ourMs - theirMs);
  const seconds = Math.round(offMs / 1_000);
  const found = `${seconds} s off AWS`;
  if (offMs < noticedMs) return ok({ ...said, found });
  const effect =
    offMs >= refusedMs
      ? 'AWS refuses what it signs'
      : `from ${refusedMs / 1_000} s on AWS refuses what it signs`;
  return wrong({ ...said, found }, `Set the clock, by NTP for good: ${effect}.`);
}

/** What the last answer said of the time; the SDK sets its own right by it and says nothing. */
function watchDate(sts: DoctorClients['sts']): () => number | null {
  let dateMs: number | null = null;
  sts.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      // Of the HTTP handler: headers by lower-case name.
      const { headers } = result.response as { readonly headers?: Readonly<Record<string, string>> };
      const parsed = Date.parse(headers?.date ?? '');
      if (Number.isFinite(parsed)) dateMs = parsed;
      return result;
    },
    { step: 'deserialize', name: 'watchDate', priority: 'low' },
  );
  return () => dateMs;
}

export async function checkBootstrap({ deployment, clients }: Scene): Promise<Finding[]> {
  const { region } = deployment.config;
  const said = { check: 'bootstrap', subject: region } as const;
  const todo = `Run: npx cdk bootstrap aws://${deployment.config.account ?? 'ACCOUNT'}/${region}`;
  const text = await parameterOf(clients.ssm, bootstrapParameter);
  if (text === null) return [wrong({ ...said, found: 'never done in this region' }, todo)];
  const found = `version ${text}`;
  return [Number(text) >= bootstrapVersionMin ? ok({ ...said, found }) : wrong({ ...said, found }, todo)];
}

/** Null where there is no such parameter. */
export async function parameterOf(ssm: DoctorClients['ssm'], Name: string): Promise<string | null> {
  try {
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name }));
    return Parameter?.Value ?? null;
  } catch (error) {
    if (error instanceof ParameterNotFound) return null;
    throw error;
  }
}
