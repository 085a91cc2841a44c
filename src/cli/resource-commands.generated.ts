// Generated from the rooms of src/resources: npm run generate.
import type { CommandEntry } from './command-entry.ts';

/** The commands of `howdah admin` for rows of tables. */
export const adminResourceCommands: readonly CommandEntry[] = [
  {
    name: "approvals",
    group: "Definitions",
    summary: "manage the approvals",
    args: "[list|show|delete]",
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/administration/approvals.ts')).approvals);
    },
  },
  {
    name: "hooks",
    group: "Definitions",
    summary: "list the hooks: functions that Howdah calls at certain events of a run",
    args: "[list|show]",
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/administration/hooks.ts')).hooks);
    },
  },
  {
    name: "retention-policies",
    group: "Definitions",
    summary: "manage the retention policies",
    args: "[list|show|create|change|delete]",
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/administration/retention-policies.ts')).retentionPolicies);
    },
  },
];

/** The commands of `howdah dev` for rows of tables. */
export const devResourceCommands: readonly CommandEntry[] = [
  {
    name: "workflows",
    group: "Agents",
    summary: "manage the workflows, in which agents work together",
    args: "[list|show|create|change|delete]",
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/definitions/workflows.ts')).workflows);
    },
  },
];
