/** `pilotlight jobs logs` against CloudWatch Logs' own protocol, through the SDK's own client, and against the log of a laptop. */
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { captureIo } from '../cli/captured-io.ts';
import { main } from '../cli/main.ts';
import type { LogGroupsUnderTest } from './log-groups-under-test.ts';
import { startLogGroups } from './log-groups-under-test.ts';

const jobId = 'job_00000000000000000000000001';
const other = 'job_00000000000000000000000002';
const config = 'pilotlight.config.mjs';
const minute = 60_000;

let cwd: string;
let logs: LogGroupsUnderTest;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pilotlight-logs-'));
  logs = await startLogGroups();
  vi.stubEnv('AWS_ENDPOINT_URL', logs.endpoint);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  const pools = { demo: { instanceType: 'g4dn.xlarge', models: ['pilotlight-shapes'], workersMax: 2 } };
  const text = JSON.stringify({ region: 'us-east-1', pools });
  await writeFile(join(cwd, config), `export const config = ${text};`);
});

afterEach(async () => {
  logs.close();
  vi.unstubAllEnvs();
  await rm(cwd, { recursive: true });
});

async function run(...args: string[]) {
  const io = captureIo({ cwd });
  const exitCode = await main(['jobs', 'logs', ...args], io);
  return { exitCode, stdout: io.stdout(), stderr: io.stderr(), lines: io.stdout().split('\n').slice(0, -1) };
}

const line = (atMs: number, event: string, fields: object = { jobId }) => ({
  atMs,
  text: JSON.stringify({ time: new Date(atMs).toISOString(), level: 'info', event, ...fields }),
});

describe('of a deployment', () => {
  const onAws = (...more: string[]) => run(jobId, '--config', config, ...more);

  it('are those of every group of its stacks that name the job, in order, wherever the id stands', async () => {
    const nowMs = Date.now();
    logs.groups
      .set('pilotlight-fleet-demoLog1', [
        line(nowMs - 2 * minute, 'job.started', { jobId, attempt: 1, _aws: { Timestamp: 1 } }),
        line(nowMs - minute, 'runner.said', { jobIds: [other, jobId], text: 'step 2' }),
      ])
      .set('pilotlight-fleet-otherLog2', [line(nowMs - minute, 'job.started', { jobId: other })])
      .set('pilotlight-fleet-thirdLog3', [line(nowMs, 'job.ended', { jobId, code: null })])
      .set('pilotlight-api-Api4', [line(nowMs - 3 * minute, 'job.accepted')])
      .set('pilotlight-control-Sweep5', [])
      .set('pilotlight2-api-Api6', [line(nowMs, 'job.accepted')])
      .set('other-pilotlight-api-Api7', [line(nowMs, 'job.accepted')])
      .set('PILOTLIGHT-api-Api8', [line(nowMs, 'job.accepted')])
      .set('unrelated', [line(nowMs, 'job.accepted')]);

    const { exitCode, lines, stderr } = await onAws();

    const time = (agoMs: number) => new Date(nowMs - agoMs).toISOString().replace('T', ' ');
    expect(lines).toEqual([
      `${time(3 * minute)}  info   job.accepted`,
      `${time(2 * minute)}  info   job.started  attempt=1`,
      `${time(minute)}  info   runner.said  jobIds=["${other}","${jobId}"]  text="step 2"`,
      `${time(0)}  info   job.ended`,
    ]);
    expect([exitCode, stderr]).toEqual([0, 'From 5 log groups\n']);
  });

  it('are looked for a day back, or as far as --since says, and what is not found is said', async () => {
    const nowMs = Date.now();
    logs.groups.set('pilotlight-api-Api', [line(nowMs - 30 * 60 * minute, 'job.accepted')]);

    const day = await onAws();
    const week = await onAws('--since', '7d');

    expect([day.exitCode, day.stdout]).toEqual([0, '']);
    expect(day.stderr).toMatch(
      new RegExp(`^No line of ${jobId} in 1 log groups since .*--since looks further`),
    );
    expect(week.lines).toHaveLength(1);
    const [first, second] = logs.asked.map(({ startTime, endTime }) => Number(endTime) - Number(startTime));
    expect(Math.abs((first ?? 0) - 86_400)).toBeLessThanOrEqual(1);
    expect(Math.abs((second ?? 0) - 604_800)).toBeLessThanOrEqual(1);
  });

  it('are all of them where one query does not tell as many, each once', async () => {
    const nowMs = Date.now() - 60 * minute;
    const many = Array.from({ length: 10_500 }, (_, index) =>
      line(nowMs + index * 100, 'step', { jobId, index }),
    );
    logs.groups.set('pilotlight-fleet-demoLog', many);

    const { lines } = await onAws();

    expect(lines).toHaveLength(many.length);
    expect(new Set(lines).size).toBe(many.length);
    expect(logs.asked).toHaveLength(2);
  });

  it('are asked of fifty groups at a time', async () => {
    const nowMs = Date.now();
    for (let index = 0; index < 60; index += 1)
      logs.groups.set(`pilotlight-fleet-pool${index}`, [line(nowMs - index, 'job.started')]);

    const { lines } = await onAws();

    expect(lines).toEqual(lines.toSorted());
    expect([lines.length, logs.asked.length]).toEqual([60, 2]);
  });

  it('come with everything that they say, for programs', async () => {
    const nowMs = Date.now();
    const written = line(nowMs, 'job.accepted', { jobId, attempt: 1 });
    logs.groups.set('pilotlight-api-Api', [written, { atMs: nowMs, text: `no JSON, but ${jobId}` }]);

    const { stdout } = await onAws('--json');

    expect(JSON.parse(stdout)).toEqual({
      object: 'list',
      data: [
        { source: 'pilotlight-api-Api', fields: JSON.parse(written.text), text: written.text },
        { source: 'pilotlight-api-Api', fields: null, text: `no JSON, but ${jobId}` },
      ].map((each) => ({ time: new Date(nowMs).toISOString(), ...each })),
    });
  });

  it('do nothing to the terminal, whatever a model printed', async () => {
    const text = 'red \u001b[31m\u009b2J \u202egnp.exe';
    logs.groups.set('pilotlight-fleet-demoLog', [
      line(Date.now(), 'runner.said', { jobIds: [jobId], text }),
      { atMs: Date.now(), text: `${jobId} ${text}` },
    ]);

    const { stdout } = await onAws();

    expect(stdout).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
    expect(stdout).toContain('\\u001b');
  });

  it.each([
    ['UnrecognizedClientException', 2, 'aws sso login'],
    ['AccessDeniedException', 3, 'ReadOnlyAccess'],
    ['ResourceNotFoundException', 4, 'reaches AWS'],
  ])('that AWS refuses by %s are told so, with what to do', async (refusal, exitCode, todo) => {
    logs.refusal = refusal;

    const got = await onAws();

    expect(got.exitCode).toBe(exitCode);
    expect(got.stderr).toContain(`${refusal}: it is refused`);
    expect(got.stderr).toContain(todo);
  });

  it('that was never deployed are told so, and so is a query that AWS gave up', async () => {
    const nowhere = await onAws();
    logs.groups.set('pilotlight-api-Api', []);
    logs.status = 'Timeout';
    const gaveUp = await onAws();

    expect([nowhere.exitCode, gaveUp.exitCode]).toEqual([2, 4]);
    expect(nowhere.stderr).toContain('no log group of pilotlight in us-east-1');
    expect(gaveUp.stderr).toContain('gave up on the query (Timeout)');
  });

  it('are looked for no more once Ctrl-C was pressed, on AWS either', async () => {
    logs.groups.set('pilotlight-api-Api', [line(Date.now(), 'job.accepted')]);
    logs.looks = Number.POSITIVE_INFINITY;
    const io = captureIo({ cwd });
    const running = main(['jobs', 'logs', jobId, '--config', config], io);
    await vi.waitUntil(() => logs.asked.length > 0);

    io.interrupt();

    expect(await running).toBe(130);
    expect(logs.stopped).toHaveLength(1);
  });

  it('need a config that has no faults', async () => {
    await writeFile(join(cwd, 'broken.config.mjs'), 'export const config = { region: 7 };');

    const got = await run(jobId, '--config', 'broken.config.mjs');

    expect([got.exitCode, logs.asked]).toEqual([2, []]);
    expect(got.stderr).toContain('region');
  });
});

describe('of a local stack', () => {
  const data = () => join(cwd, '.pilotlight');
  const path = () => join(data(), 'pilotlight.log');

  beforeEach(async () => {
    await mkdir(data());
    await writeFile(
      join(data(), 'credentials.json'),
      JSON.stringify({ url: 'http://127.0.0.1:1', tenants: { demo: { key: 'k' } } }),
    );
    const lines = [
      line(Date.UTC(2030, 0, 1), 'job.accepted'),
      line(Date.UTC(2030, 0, 1, 1), 'job.accepted', { jobId: other }),
      line(Date.UTC(2030, 0, 2), 'job.ended'),
    ];
    await writeFile(path(), lines.map(({ text }) => `${text}\n`).join(''));
  });

  it('are read from its log, asked from a folder below it too', async () => {
    const below = join(cwd, 'a');
    await mkdir(below);
    const io = captureIo({ cwd: below });

    expect(await main(['jobs', 'logs', jobId], io)).toBe(0);

    expect(io.stdout()).toBe(
      '2030-01-01 00:00:00.000Z  info   job.accepted\n2030-01-02 00:00:00.000Z  info   job.ended\n',
    );
    expect(io.stderr()).toBe(`From ${path()}\n`);
    expect(logs.asked).toEqual([]);
  });

  it('may hold what is no line of the platform, and end in the middle of one', async () => {
    await appendFile(
      path(),
      `Error: ${jobId} went wrong\n{"time":"2030-01-03T00:00:00.000Z","jobId":"${jobId}`,
    );

    const { lines } = await run(jobId, '--data', '.pilotlight');

    expect(lines.slice(2)).toEqual([
      `2030-01-02 00:00:00.000Z  Error: ${jobId} went wrong`,
      `2030-01-02 00:00:00.000Z  {"time":"2030-01-03T00:00:00.000Z","jobId":"${jobId}`,
    ]);
  });

  it('are those since a time where one is named', async () => {
    await writeFile(
      path(),
      [line(Date.now() - 60 * minute, 'old'), line(Date.now() - minute, 'new')]
        .map(({ text }) => `${text}\n`)
        .join(''),
    );

    const { lines } = await run(jobId, '--since', '30m');

    expect(lines).toEqual([expect.stringContaining('new')]);
  });

  it('that name no such job are said to be none', async () => {
    const { exitCode, stderr } = await run('job_00000000000000000000000009');

    expect([exitCode, stderr]).toEqual([0, `No line of job_00000000000000000000000009 in ${path()}.\n`]);
  });

  it('are missed where the log is', async () => {
    await rm(path());

    const { exitCode, stderr } = await run(jobId);

    expect(exitCode).toBe(2);
    expect(stderr).toContain('cannot read the log: ENOENT');
  });
});

describe('the command line', () => {
  it.each([
    [['job_1'], '"job_1" is not the id of a job'],
    [['job_0000000000000000000000000/'], 'is not the id of a job'],
    [[jobId, '--data', 'a', '--config', 'b'], 'name one of them'],
    [[jobId, '--since', 'yesterday'], '--since takes a duration'],
    [[jobId], 'there is no local stack here'],
  ])('%j is refused before anything is asked', async (args, said) => {
    const { exitCode, stderr } = await run(...args);

    expect(exitCode).toBe(2);
    expect(stderr).toContain(said);
    expect(logs.asked).toEqual([]);
  });
});
