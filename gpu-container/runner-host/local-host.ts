/** A runner host in this process: runners are its children, and go with it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCard } from './card.ts';
import { offerToOomKiller, residentMb } from './process-memory.ts';
import { endOf, killGroup, pidOf, spawnRunner } from './runner-child.ts';
import { runnerCommand } from './runner-command.ts';
import type { HostedRunner, RunnerHost, RunnerStart } from './runner-host.ts';

export interface LocalHostOptions {
  /** As torch names it: `cpu`, `cuda`, `cuda:1`. Its card is the one that is read. */
  readonly device: string;
  /** As `runnerCommand` takes it. */
  readonly python?: string | undefined;
  /**
   * Program and arguments of an engine's runner. Throws for one that cannot be had here.
   * @default those of `runnerCommand`
   */
  readonly commandOf?: (engine: RunnerStart['engine']) => readonly string[];
  /**
   * Parent of the scratch folders; a short path.
   * @default the system's temporary folder
   */
  readonly scratchRoot?: string | undefined;
}

export function createLocalHost(options: LocalHostOptions): RunnerHost {
  const living = new Set<HostedRunner>();
  return {
    async start(ask) {
      const runner = await startChild(options, ask);
      living.add(runner);
      runner.end.then(() => living.delete(runner));
      return runner;
    },
    readCard: () => readCard(options.device),
    close() {
      for (const runner of living) runner.kill();
    },
  };
}

async function startChild(
  { device, python, scratchRoot = tmpdir(), ...options }: LocalHostOptions,
  { engine, onOutput, ...ask }: RunnerStart,
): Promise<HostedRunner> {
  const command = options.commandOf?.(engine) ?? runnerCommand(engine, { python, device });
  const scratchDir = await mkdtemp(join(scratchRoot, 'pilotlight-'));
  try {
    const gone = new AbortController();
    const exited = new AbortController();
    const child = spawnRunner(
      { ...ask, command, onOutput: (line) => onOutput({ ...line, pid: child.pid ?? 0 }) },
      scratchDir,
    );
    const end = endOf(child, gone);
    end.then(() => exited.abort());
    const pid = await pidOf(child);
    void offerToOomKiller(pid);
    const kill = () => {
      if (!gone.signal.aborted) killGroup(pid);
    };
    const resident = async () => (gone.signal.aborted ? null : residentMb(pid));
    return { pid, scratchDir, exited: exited.signal, end, kill, residentMb: resident };
  } catch (err) {
    await rm(scratchDir, { recursive: true, force: true });
    throw err;
  }
}
