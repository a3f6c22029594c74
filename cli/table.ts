/** Columns for people. */

/** Aligned by the widest cell; the last column is not padded. Every row has as many cells as the head. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) => line(row, widths)).join('\n');
}

/** `name  value` lines with the values aligned; null values are left out. */
export function fields(entries: readonly (readonly [string, string | null])[]): string {
  const rows = entries.flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
  const width = Math.max(...rows.map(([name = '']) => name.length));
  return rows.map(([name = '', value = '']) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function line(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd();
}
