import { createTheme, Loader } from '@mantine/core';

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
  components: { Loader: Loader.extend({ defaultProps: { role: 'progressbar' } }) },
});
