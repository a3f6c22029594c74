/** Every command with its one-line summary; a command's own module is loaded when it is asked for. */
import type { Command } from './command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ readonly command: Command }>;
}

export const commandTable: readonly CommandEntry[] = [
  {
    name: 'generate',
    summary: 'Make pictures from a prompt',
    load: () => import('./commands/generate.ts'),
  },
  { name: 'jobs list', summary: 'List jobs, newest first', load: () => import('./commands/jobs-list.ts') },
  { name: 'jobs show', summary: 'Show a job', load: () => import('./commands/jobs-show.ts') },
  {
    name: 'jobs watch',
    summary: 'Follow a job until it ends',
    load: () => import('./commands/jobs-watch.ts'),
  },
  {
    name: 'jobs cancel',
    summary: 'Cancel a job; harmless when it has ended',
    load: () => import('./commands/jobs-cancel.ts'),
  },
  { name: 'models list', summary: 'List models', load: () => import('./commands/models-list.ts') },
  {
    name: 'models show',
    summary: 'Show a model and what it takes',
    load: () => import('./commands/models-show.ts'),
  },
];
