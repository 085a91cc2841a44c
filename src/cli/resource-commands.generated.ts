// Generated from the rooms of src/resources: npm run generate.
import type { CommandEntry } from './command-entry.ts';

/** The commands of `howdah admin` for rows of tables. */
export const adminResourceCommands: readonly CommandEntry[] = [
  {
    name: "approvals",
    group: "Definitions",
    summary: "manage the approvals",
    args: "[list|show|delete]",
    examples: ["howdah admin approvals list","howdah admin approvals show ID","howdah admin approvals delete ID"],
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
    examples: ["howdah admin hooks list","howdah admin hooks show ID"],
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
    examples: ["howdah admin retention-policies list","howdah admin retention-policies show ID","howdah admin retention-policies create --keep-contents-days 30 --keep-runs-days 400","howdah admin retention-policies change ID --keep-runs-days 800","howdah admin retention-policies delete ID"],
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/administration/retention-policies.ts')).retentionPolicies);
    },
  },
];

/** The commands of `howdah dev` for rows of tables. */
export const devResourceCommands: readonly CommandEntry[] = [
  {
    name: "views",
    group: "Definitions",
    summary: "manage the saved views",
    args: "[list|show|create|change|delete]",
    examples: ["howdah dev views list","howdah dev views show failures","howdah dev views create failures --place runs --filter '{\"status\":\"failed\",\"since\":\"24h\"}'","howdah dev views change failures --is-shared true","howdah dev views delete failures"],
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/administration/saved-views.ts')).savedViews);
    },
  },
  {
    name: "searches",
    group: "Definitions",
    summary: "manage the searches",
    args: "[list|show]",
    examples: ["howdah dev searches list","howdah dev searches show ID"],
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/definitions/searches.ts')).searches);
    },
  },
  {
    name: "workflows",
    group: "Agents",
    summary: "manage the workflows, in which agents work together",
    args: "[list|show|create|change|delete]",
    examples: ["howdah dev workflows list","howdah dev workflows show review","howdah dev workflows create review --type chain --members '[\"writer\",\"editor\"]'","howdah dev workflows change review --is-active false","howdah dev workflows delete review"],
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/definitions/workflows.ts')).workflows);
    },
  },
  {
    name: "graders",
    group: "Agents",
    summary: "manage the graders of evaluations",
    args: "[list|show|create|change|delete]",
    examples: ["howdah dev graders list","howdah dev graders show total","howdah dev graders create total --kind numeric --configuration '{\"tolerance\":0.01}'","howdah dev graders change total --weight 2","howdah dev graders delete total"],
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/quality/graders.ts')).graders);
    },
  },
  {
    name: "grading-rules",
    group: "Agents",
    summary: "manage the rules that grade live runs",
    args: "[list|show|create|change|delete]",
    examples: ["howdah dev grading-rules list","howdah dev grading-rules show reopened","howdah dev grading-rules create reopened --dataset sums --agent support --sample 50 --interval-seconds 86400 --delay-seconds 604800","howdah dev grading-rules change reopened --sample 200","howdah dev grading-rules delete reopened"],
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/quality/grading-rules.ts')).gradingRules);
    },
  },
];
