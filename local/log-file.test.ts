import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLogFile } from './log-file.ts';

describe('the log file', () => {
  it('holds every line in order once it is closed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pilotlight-log-'));
    const path = join(folder, 'pilotlight.log');
    const log = await openLogFile(path);

    for (const word of ['one', 'two', 'three']) log.write(`${word}\n`);
    await log.close();
    log.write('too late\n');

    expect(await readFile(path, 'utf8')).toBe('one\ntwo\nthree\n');
    await rm(folder, { recursive: true });
  });

  // Takes no byte and says that there is no room.
  it.runIf(process.platform === 'linux')(
    'tells once that it cannot be written, and ends nothing',
    async () => {
      const told: string[] = [];
      const log = await openLogFile('/dev/full', (line) => told.push(line));

      log.write('one\n');
      log.write('two\n');
      await expect.poll(() => told.length).toBe(1);
      log.write('three\n');
      await log.close();

      expect(told).toEqual([expect.stringMatching(/^The log cannot be written: .*ENOSPC.*\/dev\/full/)]);
    },
  );
});
