import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import type { JsonObject } from '../../../json/json.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import type { ResourceType } from '../resource-types.ts';
import { useCall } from '../use-call.ts';
import type { Version } from './version.ts';

const text = rowTexts.versions;

/** The properties of a dialog about a version. */
export type VersionDialogProps = {
  type: ResourceType;
  row: JsonObject;
  version: Version;
  changed(): void;
  close(): void;
};

/** Asks whether a version becomes the current one. */
export function RestoreDialog({ type, row, version, changed, close }: VersionDialogProps) {
  const { call, failure, isBusy } = useCall(() => {
    changed();
    close();
  });
  const path = `${type.path}/${row.id}/versions/${version.version}/restore`;
  return (
    <Modal opened onClose={close} title={text.restore}>
      <Stack gap="md" ta="start">
        <Text size="sm" className="user-text">
          {text.confirmRestore(version.version, String(row[type.name_field]))}
        </Text>
        {failure && <FailureAlert failure={failure} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {rowTexts.keep}
          </Button>
          <Button onClick={() => call(path, { method: 'POST' })} loading={isBusy}>
            {text.restore}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
