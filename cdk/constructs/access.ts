/**
 * A way to something: the permission to use it and the variables that say where it is, which are given together or not at
 * all. A stack that owns a resource hands out accesses; a function or a task takes them.
 */
import type { IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

export interface Access<Variables extends object = object> {
  readonly variables: Variables;
  /** Adds the permission to the grantee's own role; policies of the resource stay as they are, so no stack becomes two. */
  grantTo(grantee: IGrantable): void;
}

/** Of a list of accesses, the names of all their variables. */
export type NamesOf<Accesses extends readonly Access[]> = Accesses[number] extends infer Each
  ? Each extends Access<infer Variables>
    ? keyof Variables
    : never
  : never;

/**
 * @param statements made anew for every grantee, as a policy may take a statement apart
 * @param wildcards why a finding of cdk-nag stands, by its id, such as `AwsSolutions-IAM5[Resource::*]`
 */
export function accessBy<Variables extends object>(
  variables: Variables,
  statements: () => readonly PolicyStatement[],
  wildcards: Readonly<Record<string, string>> = {},
): Access<Variables> {
  return {
    variables,
    grantTo({ grantPrincipal }) {
      for (const statement of statements()) grantPrincipal.addToPrincipalPolicy(statement);
      // Roles are constructs; other principals have no policy of ours to be looked at.
      if (Construct.isConstruct(grantPrincipal)) acknowledge(grantPrincipal, wildcards);
    },
  };
}
