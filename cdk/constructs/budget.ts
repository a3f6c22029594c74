/** Tells of the account's cost of a month at some of its parts. The first two budgets of an account cost nothing. */
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Construct } from 'constructs';
import { alarms } from '../alarms.ts';
import type { Config } from '../config.ts';

export type MonthBudgetProps = NonNullable<Config['budget']> & {
  readonly email: string;
  readonly deployment: string;
};

export class MonthBudget extends Construct {
  constructor(
    scope: Construct,
    id: string,
    { usdPerMonth, alertPercents, email, deployment }: MonthBudgetProps,
  ) {
    super(scope, id);
    new CfnBudget(this, 'Budget', {
      budget: {
        // All that the mail says of its own: a budget has no description, and its name takes no colon.
        budgetName: `${deployment}, docs/runbook.md, "${alarms.budget.heading}"`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: usdPerMonth, unit: 'USD' },
      },
      notificationsWithSubscribers: alertPercents.map((threshold) => ({
        notification: {
          notificationType: 'ACTUAL',
          comparisonOperator: 'GREATER_THAN',
          threshold,
          thresholdType: 'PERCENTAGE',
        },
        subscribers: [{ subscriptionType: 'EMAIL', address: email }],
      })),
    });
  }
}
