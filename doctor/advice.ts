/** What to do where AWS did not answer what it was asked. */
export interface Advice {
  readonly why: 'credentials' | 'denied' | 'unreachable';
  /** The error, as one line. */
  readonly found: string;
  readonly todo: string;
}

/** Names of the SDK's errors that say that nobody knows who asks. */
const withoutCredentials =
  /Credentials|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch/;

export function adviceFor(error: unknown): Advice {
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  const found = `${name}: ${message}`;
  if (withoutCredentials.test(name)) {
    const todo = 'Sign in to the account: `aws sso login`, or AWS_PROFILE or AWS_ACCESS_KEY_ID.';
    return { why: 'credentials', found, todo };
  }
  if (/AccessDenied|UnauthorizedOperation|Forbidden/.test(name)) {
    const todo = 'Look with credentials that may read this; `ReadOnlyAccess` is enough.';
    return { why: 'denied', found, todo };
  }
  return { why: 'unreachable', found, todo: 'See that this machine reaches AWS, and look again.' };
}
