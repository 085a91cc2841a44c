import { Button } from '@mantine/core';
import { RefreshCw } from 'lucide-react';
import { systemTexts } from '../messages/system-texts.ts';

/** Reads a page again. These pages ask nothing by themselves. */
export function RefreshButton({ reload }: { reload(): void }) {
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<RefreshCw size={14} aria-hidden />}
      onClick={reload}
    >
      {systemTexts.refresh}
    </Button>
  );
}
