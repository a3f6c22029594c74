/** Text of CloudFormation, with a word in the place of what is known at deployment only. */
export function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  const join = Object(value)['Fn::Join'];
  return join === undefined ? 'known-later' : join[1].map(plain).join(join[0]);
}
