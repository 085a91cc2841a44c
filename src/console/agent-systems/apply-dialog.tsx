import { Button, Checkbox, Group, Loader, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { rowTexts } from '../messages/row-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { callRest } from '../server/rest.ts';
import { useRequest } from '../server/use-request.ts';
import { FILE } from './use-check.ts';

const text = rowTexts.systems;

type Change = { kind: string; name: string; action: keyof typeof text.actions };
type Plan = {
  name: string;
  objects: Change[];
  /** Rows of the system that the file does not have. */
  kept: Pick<Change, 'kind' | 'name'>[];
  warnings: string[];
};

type ApplyDialogProps = { file: string; close(): void; applied(system: string): void };

/** Shows what a file would change, and applies it. */
export function ApplyDialog({ file, close, applied }: ApplyDialogProps) {
  const [prune, setPrune] = useState(false);
  const planned = useRequest('plan', () => apply(file, { dry_run: true }));
  const { start, failure, isBusy } = useAction(async () => {
    const { name } = await apply(file, { prune });
    applied(name);
  });
  const plan = planned.data;
  return (
    <Modal opened onClose={close} title={text.applyTitle} size="lg">
      <Stack gap="md">
        {planned.failure && <FailureAlert failure={planned.failure} onRetry={planned.reload} />}
        {planned.isLoading && <Loader size="sm" aria-label={text.checking} />}
        {plan && <Changes plan={plan} />}
        {plan && plan.kept.length > 0 && (
          <Checkbox
            label={text.prune(plan.kept.map(({ kind, name }) => `${kind} ${name}`).join(', '))}
            checked={prune}
            onChange={(event) => setPrune(event.currentTarget.checked)}
          />
        )}
        {failure && <FailureAlert failure={failure} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {rowTexts.keep}
          </Button>
          <Button onClick={start} loading={isBusy} disabled={!plan} data-autofocus>
            {text.applyNow}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

async function apply(file: string, options: { dry_run?: boolean; prune?: boolean }): Promise<Plan> {
  const body = { files: [{ name: FILE, text: file }], ...options };
  const answer = await callRest<{ systems: Plan[] }>('/agent-systems/apply', {
    method: 'POST',
    body,
  });
  const [plan] = answer.body.systems;
  if (!plan) throw new Error('the server applied no system');
  return plan;
}

function Changes({ plan }: { plan: Plan }) {
  const changes = plan.objects.filter(({ action }) => action !== 'unchanged');
  if (changes.length === 0) return <Text size="sm">{text.noChange}</Text>;
  return (
    <>
      <ul className="planned-changes">
        {changes.map(({ kind, name, action }) => (
          <li key={`${kind} ${name}`}>
            <Text span size="sm" fw={600}>
              {text.actions[action]}
            </Text>{' '}
            <Text span size="sm" className="user-text">
              {kind} {name}
            </Text>
          </li>
        ))}
      </ul>
      {plan.warnings.map((warning) => (
        <Text key={warning} size="sm" className="user-text">
          {warning}
        </Text>
      ))}
    </>
  );
}
