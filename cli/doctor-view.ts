/** What the doctor found, for programs and for people. */
import type { Finding } from '#doctor/finding.ts';
import { table } from './table.ts';

const marks = { ok: 'ok', wrong: 'WRONG', unknown: 'unknown', later: 'later' } as const;

/** The answer of `--json`. `later` is no fault: it cannot be looked at before the first deployment. */
export function doctorAnswer(findings: readonly Finding[]) {
  const healthy = findings.every(({ status }) => status === 'ok' || status === 'later');
  return { object: 'diagnosis', healthy, findings };
}

export function doctorText(findings: readonly Finding[]): string {
  const rows = findings.map(({ status, check, subject, found }) => [marks[status], check, subject, found]);
  const said = table(['STATUS', 'CHECK', 'OF', 'FOUND'], rows);
  const byTodo = Map.groupBy(findings, ({ todo }) => todo);
  const todos = [...byTodo].flatMap(([todo, alike]) =>
    todo === null
      ? []
      : [`- ${alike.map(({ check, subject }) => `${check} ${subject}`).join(', ')}: ${todo}`],
  );
  return todos.length === 0 ? said : `${said}\n\nTo do:\n${todos.join('\n')}`;
}
