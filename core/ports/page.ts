export interface Page<T> {
  readonly items: T[];
  readonly cursor: string | null;
}
