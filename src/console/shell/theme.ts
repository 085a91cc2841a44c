import { createTheme } from '@mantine/core';
import { messages } from '../messages/messages.ts';

const withCloseLabel = {
  defaultProps: { closeButtonProps: { 'aria-label': messages.common.close } },
};
/** A menu has no element but its items, so that readers of the screen count them rightly. */
const withItemsAlone = {
  defaultProps: { withInitialFocusPlaceholder: false, menuItemTabIndex: 0 },
};
const withRole = { defaultProps: { role: 'progressbar' } };

/** The look of the console. The shades are chosen so that texts have a contrast of 4.5 to 1. */
export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 7, dark: 8 },
  defaultRadius: 'md',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace:
    'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    ...{ Loader: withRole, Menu: withItemsAlone },
    ...{ Modal: withCloseLabel, Drawer: withCloseLabel },
  },
});
