/**
 * A text with its placeholders replaced: `{name}` by the value of that name, each `{}` by the next of the `unnamed` values. What is put in is not looked through
 * again, and a placeholder that nothing is known for stays as it is (V-58).
 */
export function withValues(
  text: string,
  named: Readonly<Record<string, string>>,
  unnamed: (index: number) => string | undefined = () => undefined,
): string {
  let count = 0;
  return text.replace(/\{(\w*)\}/g, (placeholder, name: string) => {
    if (name === "") return unnamed(count++) ?? placeholder;
    return (Object.hasOwn(named, name) ? named[name] : undefined) ?? placeholder;
  });
}
