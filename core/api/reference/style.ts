/** The reference page's style: readable at any width, by day and night, without a font or a script from anywhere. */
export const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: light-dark(#a4440b, #ffa560); }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; display: grid; grid-template-columns: 17rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid var(--line); font-size: 14px; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav h2 { font-size: 14px; margin: 1rem 0 0.2rem; }
main { padding: 1rem 2rem 6rem; max-width: 62rem; }
a { color: inherit; text-decoration-color: var(--line); }
a:hover, a:focus-visible { color: var(--accent); }
article { border-top: 1px solid var(--line); padding: 1rem 0; scroll-margin-top: 1rem; }
:target > h3 a { color: var(--accent); }
h3 { margin: 0; }
h3 a { text-decoration: none; }
.call { margin: 0.2rem 0; }
.call b { color: var(--accent); }
code, pre { font: 13px/1.5 ui-monospace, monospace; }
pre { background: var(--soft); padding: 0.8rem; overflow: auto; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin: 0.5rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.8rem 0.25rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
summary { cursor: pointer; padding: 0.15rem 0; }
small { opacity: 0.75; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; border: 0; } main { padding: 1rem; } }
`;
