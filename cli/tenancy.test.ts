/** The operator's commands against the real gateway and handler; only storage is in memory. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readAlias } from './commands/aliases-set.ts';
import type { OperatorShell } from './operator-shell.ts';
import { openOperatorShell } from './operator-shell.ts';
import { memoryGb, modelsOf } from './tenancy-input.ts';

let shell: OperatorShell | undefined;
afterEach(async () => {
  await shell?.close();
  shell = undefined;
});

async function openShell(): Promise<OperatorShell> {
  shell = await openOperatorShell();
  return shell;
}

describe('tenants', () => {
  it('are added with plan, limits and a key that works, shown once', async () => {
    const { scene, run } = await openShell();

    const { code, stdout, stderr } = await run(
      ...['tenants', 'add', 'companyA', '--plan', 'pro', '--rpm-limit', '30', '--set', 'open_jobs_max=7'],
    );

    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'keep the secret now: it is shown this once\n',
    });
    expect(stdout).toMatch(/^requests_per_minute +30 +own$/m);
    expect(stdout).toMatch(/^open_jobs_max +7 +own$/m);
    expect(stdout).toMatch(/^weight +4 +plan$/m);
    const secret = /^secret +(\S+)$/m.exec(stdout)?.[1] ?? '';
    expect((await scene.tryKey(secret)).status).toBe(202);
  });

  it('are added and changed with the lines of the documentation', async () => {
    const { scene, run, json } = await openShell();
    const line = 'companyA --plan pro --gpu-memory 10G --rpm-limit 30 --quant int4 --volume encrypted';

    const { code, stdout } = await run('tenants', 'add', ...line.split(' '));
    await run('tenants', 'add', 'companyC');
    const updated = await json('tenants', 'update', 'companyC', '--gpu-memory', '15G');

    expect(code).toBe(0);
    expect(stdout).toMatch(/^gpu_memory_gb +10 +own$/m);
    expect(stdout).toMatch(/^quant +int4 +own$/m);
    expect(stdout).toMatch(/^volume +encrypted +own$/m);
    expect(updated).toMatchObject({ limits: { gpu_memory_gb: 15 } });
    expect((await scene.tenants.get('companyA'))?.overrides).toEqual({
      requests_per_minute: 30,
      gpu_memory_gb: 10,
      quant: 'int4',
      volume: 'encrypted',
    });
    expect(await json('tenants', 'update', 'companyC', '--gpu-memory', 'none')).toMatchObject({
      overrides: {},
    });
  });

  it('run their jobs on the form of weights and the memory that they are set to', async () => {
    const { scene, run } = await openShell();
    const flags = ['--quant', 'int4', '--gpu-memory', '512M', '--volume', 'encrypted'];
    const { stdout } = await run('tenants', 'add', 'companyA', '--plan', 'pro', ...flags);
    const secret = /^secret +(\S+)$/m.exec(stdout)?.[1] ?? '';

    const { status } = await scene.tryKey(secret);
    const { items } = await scene.jobs.list('companyA', { limit: 1 });

    expect(status).toBe(202);
    expect(items[0]).toMatchObject({ model: 'fake-image-int4', allotmentMb: 512, encrypted: true });
  });

  it('run jobs in the class that they are set to, where the request names none', async () => {
    const { scene, run, json } = await openShell();
    const { stdout } = await run('tenants', 'add', 'companyA', '--set', 'class_default=batch');
    const secret = /^secret +(\S+)$/m.exec(stdout)?.[1] ?? '';

    await scene.tryKey(secret);
    const { items } = await scene.jobs.list('companyA', { limit: 1 });

    expect(stdout).toMatch(/^class_default +batch +own$/m);
    expect(items[0]?.class).toBe('batch');
    expect(await json('tenants', 'update', 'companyA', '--set', 'class_default=none')).toMatchObject({
      overrides: {},
    });
  });

  it('are held to tokens a minute and to stored GB, and let go of them', async () => {
    const { run, json } = await openShell();
    const limits = ['--set', 'tokens_per_minute=20000', '--set', 'storage_gb_max=0.5'];

    const { stdout } = await run('tenants', 'add', 'companyA', ...limits);
    const freed = await json('tenants', 'update', 'companyA', '--set', 'storage_gb_max=none');

    expect(stdout).toMatch(/^tokens_per_minute +20000 +own$/m);
    expect(stdout).toMatch(/^storage_gb_max +0.5 +own$/m);
    expect(freed.overrides).toEqual({ tokens_per_minute: 20_000 });
  });

  it('are added with the body of the API for programs', async () => {
    const { json } = await openShell();

    const body = await json('tenants', 'add', 'companyA', '--models', 'fake-image');

    expect(body).toMatchObject({ tenant: { id: 'companyA', plan: 'free', models: ['fake-image'] } });
    expect(body.key.secret).toMatch(/^plk_/);
  });

  it.each([
    [['--gpu-memory', '10'], 2, '--gpu-memory takes a size with its unit, such as 10G or 512M, not "10"'],
    [['--gpu-memory', '0G'], 2, '--gpu-memory takes a size'],
    [['--gpu-memory', '0.1M'], 2, '--gpu-memory takes a size'],
    [['--gpu-memory', `${'9'.repeat(400)}G`], 2, '--gpu-memory takes a size'],
    [['--gpu-memory', '10T'], 2, '--gpu-memory takes a size'],
    [['--gpu-memory', '2000G'], 3, 'gpu_memory_gb: '],
    [['--quant', 'int3'], 3, 'quant: '],
    [['--volume', 'secret'], 3, 'volume: '],
    [['--isolation', 'process'], 3, 'isolation: process needs gpu_memory_gb'],
    [['--tenant', 'demo'], 2, '--tenant does not go with "tenants add"'],
    [['--rpm-limit', 'many'], 2, '--rpm-limit takes a whole number'],
    [['--rpm-limit', '-1'], 2, 'write a value that starts with a dash as --name=-1'],
    [['--rpm-limit=-1'], 3, 'requests_per_minute: '],
    [['--set', 'requests_per_hour=1'], 3, 'requests_per_hour: is not a known field'],
    [['--set', 'steps_max=few'], 3, 'steps_max: '],
    [['--set', 'storage_gb_max=0'], 3, 'storage_gb_max: '],
    [['--set', 'storage_gb_max=2000000'], 3, 'storage_gb_max: '],
    [['--set', 'tokens_per_minute=1.5'], 3, 'tokens_per_minute: '],
    [['--set', 'class_default=urgent'], 3, 'class_default: '],
    [['--plan', 'gold'], 3, 'plan: there is no such plan'],
    [['--models', 'other'], 3, 'models.0: there is no such model'],
    [['--port', '30001'], 3, 'port: is taken by a local stack only'],
  ])('are not added with %j', async (flags, code, said) => {
    const { scene, run } = await openShell();

    const refused = await run('tenants', 'add', 'companyA', ...flags);

    expect(refused.code).toBe(code);
    expect(refused.stderr).toContain(said);
    expect(await scene.tenants.get('companyA')).toBeNull();
  });

  it('are shown, changed, suspended, resumed and removed', async () => {
    const { run, json } = await openShell();

    const updated = await json('tenants', 'update', 'tenant-a', '--plan', 'vip', '--set', 'steps_max=9');
    expect(updated).toMatchObject({ plan: 'vip', overrides: { steps_max: 9 } });
    expect(await json('tenants', 'update', 'tenant-a', '--set', 'steps_max=none')).toMatchObject({
      overrides: {},
    });
    expect((await run('tenants', 'suspend', 'tenant-a')).stdout).toBe('tenant tenant-a is suspended\n');
    expect((await json('tenants', 'show', 'tenant-a')).status).toBe('suspended');
    expect((await run('tenants', 'resume', 'tenant-a')).stdout).toBe('tenant tenant-a is active\n');
    expect((await run('tenants', 'remove', 'tenant-a')).stdout).toBe('tenant tenant-a is deleted\n');
    expect((await run('tenants', 'list')).stdout).toMatch(/^tenant-a +vip +deleted +all +- +-$/m);
    expect((await run('tenants', 'show', 'tenant-a')).stdout).toMatch(/^created +2030-03-17 17:46:40Z$/m);
  });

  it('are changed by something', async () => {
    const { run } = await openShell();

    expect(await run('tenants', 'update', 'tenant-a')).toMatchObject({
      code: 2,
      stderr: 'pilotlight: nothing to change: pass --plan or a limit\n',
    });
  });
});

describe('keys', () => {
  it('of a tenant are rotated by the operator, who need not name the only one', async () => {
    const { scene, run, json } = await openShell();
    const { key: first } = await json('tenants', 'add', 'companyA');

    const { code, stdout } = await run('keys', 'rotate', '--tenant', 'companyA', '--overlap', '24h');

    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^old key +${first.id}, works until 2030-03-18 17:46:40Z$`, 'm'));
    const second = /^secret +(\S+)$/m.exec(stdout)?.[1] ?? '';
    expect((await scene.tryKey(second)).status).toBe(202);
    expect((await scene.tryKey(first.secret)).status).toBe(202);
    const again = await json('keys', 'rotate', '--tenant', 'companyA', '--overlap', '0');
    expect(again.old.status).toBe('expired');
  });

  it('must be named when several are active', async () => {
    const { run } = await openShell();

    const { code, stderr } = await run('keys', 'rotate', '--tenant', 'tenant-a');

    expect(code).toBe(2);
    expect(stderr).toContain('say which with --id; active are: key00001, ');
  });

  it('are created, listed and revoked by the operator for a tenant', async () => {
    const { scene, run, json } = await openShell();
    await json('tenants', 'add', 'companyA');

    const made = await json(
      'keys',
      'create',
      '--tenant',
      'companyA',
      '--label',
      'ci',
      '--scope',
      'jobs:read',
    );
    expect(made.key).toMatchObject({ label: 'ci', scopes: ['jobs:read'], tenant: 'companyA' });
    const list = await run('keys', 'list', '--tenant', 'companyA');
    expect(list.stdout).toMatch(new RegExp(`^${made.key.id} +ci +active +- +never +all +jobs:read$`, 'm'));
    expect(list.stdout).not.toContain('plk_');
    const revoked = await run('keys', 'revoke', made.key.id, '--tenant', 'companyA');
    expect(revoked.stdout).toBe(`key ${made.key.id} is revoked\n`);
    expect((await scene.tryKey(made.key.secret)).status).toBe(401);
  });

  it("are a tenant's own without --tenant", async () => {
    const { scene, run, json } = await openShell();

    const made = await json('keys', 'create', '--label', 'laptop', '--models', 'fake-image');
    expect(made.key).toMatchObject({ tenant: 'tenant-a', models: ['fake-image'] });
    const rotated = await json('keys', 'rotate', '--id', made.key.id, '--overlap', '0');
    expect((await scene.tryKey(rotated.key.secret)).status).toBe(202);
    expect((await run('keys', 'revoke', rotated.key.id)).code).toBe(0);
    const states = (await json('keys', 'list')).data.map(({ status }: { status: string }) => status);
    expect(states.toSorted()).toEqual(['active', 'active', 'expired', 'revoked']);
  });
});

describe('plans', () => {
  it('are stored, listed, used and removed', async () => {
    const { run, json } = await openShell();

    const set = await run('plans', 'set', 'studio', '--weight', '8', '--set', 'open_jobs_max=50');
    expect(set.stdout).toMatch(/^studio +you +weight=8 open_jobs_max=50$/m);
    await json('tenants', 'update', 'tenant-a', '--plan', 'studio');
    expect(await run('plans', 'remove', 'studio')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('The tenant tenant-a is on the plan studio.'),
    });
    await json('tenants', 'update', 'tenant-a', '--plan', 'pro');
    expect((await run('plans', 'remove', 'studio')).stdout).toBe('plan studio is removed\n');
    const list = (await run('plans', 'list')).stdout;
    expect(list).toMatch(/^pro +Pilotlight +weight=4 /m);
    expect(list).not.toContain('studio');
  });

  it('must be whole', async () => {
    const { run } = await openShell();

    expect((await run('plans', 'set', 'studio', '--weight', '8')).stderr).toContain(
      'open_jobs_max: is required',
    );
  });
});

describe('aliases', () => {
  it('are set, listed and removed, and requests follow them', async () => {
    const { scene, run } = await openShell();

    const set = await run('aliases', 'set', 'fake-image', 'stable=v2:90,1:10');
    expect(set.stdout).toMatch(/^fake-image:stable +v2 +fake-image-v2 +any +90\.0 %$/m);
    expect(set.stdout).toMatch(/^ +1 +fake-image +any +10\.0 %$/m);
    expect((await scene.tryKey(scene.key, 'fake-image:stable')).status).toBe(202);
    expect((await run('aliases', 'list')).stdout).toContain('fake-image:stable');
    expect((await run('aliases', 'remove', 'fake-image:stable')).stdout).toBe(
      'alias fake-image:stable is removed\n',
    );
    expect((await run('aliases', 'list')).stderr).toBe('no aliases\n');
  });

  it('by size and quality are what a picture of that size and quality is made by', async () => {
    const { run, json } = await openShell();

    const set = await run('aliases', 'set', 'fake-image', 'auto=1:100@256,v2:100@640x480,v2');
    expect(set.stdout).toMatch(/^fake-image:auto +1 +fake-image +256x256 +100\.0 %$/m);
    expect(set.stdout).toMatch(/^ +v2 +fake-image-v2 +307200 pixels +100\.0 %$/m);
    await run('aliases', 'set', 'fake-image', 'high=v2');
    const generate = (...args: string[]) => json('generate', 'a lighthouse', '--no-wait', ...args);

    expect((await generate('--model', 'fake-image:auto', '--size', '256')).model).toBe('fake-image');
    expect((await generate('--model', 'fake-image:auto', '--size', '512')).model).toBe('fake-image-v2');
    expect((await generate('--model', 'fake-image', '--quality', 'high')).model).toBe('fake-image-v2');
    expect((await run('generate', 'a', '--model', 'fake-image', '--quality', 'fast')).stderr).toContain(
      'quality: fake-image has no quality fast; it has high',
    );
  });

  it('are read as the documentation writes them', () => {
    expect(readAlias('stable=v1:90,v2:10')).toEqual({
      name: 'stable',
      versions: [
        { version: 'v1', weight: 90 },
        { version: 'v2', weight: 10 },
      ],
    });
    expect(readAlias('stable=v1').versions).toEqual([{ version: 'v1', weight: 1 }]);
    expect(readAlias('auto=v1:100@512,v2@1024x768').versions).toEqual([
      { version: 'v1', weight: 100, pixels_max: 262_144 },
      { version: 'v2', weight: 1, pixels_max: 786_432 },
    ]);
    const faults = ['stable', '=v1', 'stable=', 'stable=v1:2:3', 'stable=v1:x', 'stable=v1,,v2'];
    for (const text of [...faults, 'a=v1@', 'a=v1@x512', 'a=v1@512@512', 'a=v1@512:3', 'a=@512']) {
      expect(() => readAlias(text)).toThrow();
    }
  });
});

describe('prompt policies', () => {
  it('are shown, and changed one part at a time', async () => {
    const { scene, run, json } = await openShell();
    const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-terms-'));
    const terms = join(cwd, 'terms.txt');
    await writeFile(terms, '# what we do not draw\nlighthouse\r\n\n  red square # nor this\n');

    expect((await run('prompt-policy', 'show', 'tenant-a')).stdout).toMatch(/^mode +off \(of the plan\)$/m);
    const set = await run('prompt-policy', 'set', 'tenant-a', '--mode', 'block', '--terms-file', terms);
    expect({ code: set.code, stderr: set.stderr }).toEqual({ code: 0, stderr: '' });
    expect(set.stdout).toMatch(/^mode +block$/m);
    expect(set.stdout).toMatch(/^terms +lighthouse, red square$/m);
    expect((await scene.tryKey(scene.key)).json.error.code).toBe('prompt_rejected');

    const bounded = await json('prompt-policy', 'set', 'tenant-a', '--tokens-max', '40');
    expect(bounded).toMatchObject({ mode: 'block', tokens_max: 40, terms: ['lighthouse', 'red square'] });
    const given = await json('prompt-policy', 'set', 'tenant-a', '--mode', 'plan', '--tokens-max', 'none');
    expect(given).toMatchObject({ mode: 'off', tokens_max: null, inherited: ['mode', 'tokens_max'] });
  });

  it.each([
    [['tenant-a'], 2, 'nothing to change: pass --mode, --terms-file or --tokens-max'],
    [['tenant-a', '--mode', 'strict'], 2, '--mode is one of off, flag, block, plan'],
    [['tenant-a', '--tokens-max', 'few'], 2, '--tokens-max takes a whole number'],
    [['tenant-a', '--tokens-max', '0'], 3, 'tokens_max: '],
    [['tenant-a', '--terms-file', 'missing.txt'], 2, '--terms-file missing.txt cannot be read: ENOENT'],
    [['tenant-z', '--mode', 'flag'], 3, 'There is no such object.'],
  ])('are not changed with %j', async (flags, code, said) => {
    const { run } = await openShell();

    const refused = await run('prompt-policy', 'set', ...flags);

    expect(refused.code).toBe(code);
    expect(refused.stderr).toContain(said);
  });
});

describe('models', () => {
  it('are granted by id, all of them or none', async () => {
    const { run } = await openShell();

    const grant = async (models: string) => (await run('models', 'grant', 'tenant-a', models)).stdout;
    expect(await grant('fake-image,fake-image-v2')).toBe(
      'tenant tenant-a may use: fake-image,fake-image-v2\n',
    );
    expect(await grant('none')).toBe('tenant tenant-a may use: none\n');
    expect(await grant('all')).toBe('tenant tenant-a may use: all\n');
    expect((await run('models', 'grant', 'tenant-a', 'other')).stderr).toContain('models.0: ');
  });

  it('are read with or without spaces', () => {
    expect(modelsOf('a, b')).toEqual(['a', 'b']);
  });
});

describe('sizes', () => {
  it.each([
    ['10G', 10],
    ['10GB', 10],
    ['1.5g', 1.5],
    ['512M', 0.512],
    ['512mb', 0.512],
  ])('%s is %d GB', (text, gb) => {
    expect(memoryGb('gpu-memory', text)).toBe(gb);
  });

  it.each(['10', '', 'G', '-1G', '1e3G', '10 G', '10GiB', '0M'])('"%s" is none', (text) => {
    expect(() => memoryGb('gpu-memory', text)).toThrow('--gpu-memory takes a size with its unit');
  });
});

describe('lists', () => {
  it('show every page as a table and one page as JSON', async () => {
    const { run, json } = await openShell();
    for (let index = 0; index < 30; index += 1) await run('tenants', 'add', `many-${index}`);

    const page = await json('tenants', 'list');
    const next = await json('tenants', 'list', '--cursor', page.next_cursor);

    expect([page.data.length, next.data.length]).toEqual([25, 7]);
    expect((await run('tenants', 'list')).stdout.trimEnd().split('\n')).toHaveLength(33);
    expect((await run('tenants', 'list', '--cursor', 'x')).code).toBe(2);
  });
});
