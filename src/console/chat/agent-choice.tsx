import { Select } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import { useKnownNames } from '../runs/use-runs.ts';

/** The agent or the workflow that answers. */
export type Subject = { kind: 'agent' | 'workflow'; name: string };

type AgentChoiceProps = {
  subject: Subject | undefined;
  change(subject: Subject): void;
  label?: string;
  isDisabled?: boolean;
};

/** The agents and workflows by name. */
export function AgentChoice({ subject, change, label, isDisabled }: AgentChoiceProps) {
  const names = useKnownNames();
  const isBoth = (name: string) => names?.agents.has(name) && names.workflows.has(name);
  const optionsOf = (kind: Subject['kind'], known: Iterable<string>) =>
    [...known].map((name) => ({
      value: `${kind} ${name}`,
      label: isBoth(name) ? messages.kinds.named(name, kind) : name,
    }));
  const groups = [
    { group: messages.chat.agents, items: optionsOf('agent', names?.agents.keys() ?? []) },
    { group: messages.chat.workflows, items: optionsOf('workflow', names?.workflows.keys() ?? []) },
  ];
  return (
    <Select
      size="xs"
      label={label}
      placeholder={messages.chat.agent}
      aria-label={label ?? messages.chat.agent}
      data={groups.filter(({ items }) => items.length > 0)}
      value={subject ? `${subject.kind} ${subject.name}` : null}
      onChange={(value) => value !== null && change(readSubject(value))}
      allowDeselect={false}
      searchable
      disabled={isDisabled}
      nothingFoundMessage={messages.chat.noAgent}
      className="agent-choice"
    />
  );
}

function readSubject(value: string): Subject {
  const at = value.indexOf(' ');
  return {
    kind: value.startsWith('workflow ') ? 'workflow' : 'agent',
    name: value.slice(at + 1),
  };
}

/** Returns what answers in a session or in a run. */
export function subjectOf({
  agent,
  workflow,
}: {
  agent: { name: string } | null;
  workflow: { name: string } | null;
}): Subject | undefined {
  if (agent) return { kind: 'agent', name: agent.name };
  return workflow ? { kind: 'workflow', name: workflow.name } : undefined;
}
