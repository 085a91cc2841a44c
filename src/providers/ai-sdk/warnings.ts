import type { SharedV4Warning } from '@ai-sdk/provider';

/** Formats a warning of a package as one line, for the log. */
export function formatWarning(warning: SharedV4Warning): string {
  switch (warning.type) {
    case 'other':
      return warning.message;
    case 'deprecated':
      return `deprecated: ${warning.setting} (${warning.message})`;
    default:
      return `${warning.type}: ${warning.feature}${warning.details ? ` (${warning.details})` : ''}`;
  }
}
