// Picks the form of a sentence that a count asks for in a language.
//
// Used by the language files. Forms that a language does not know are left out;
// `other` is in every one.

export type Forms = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>

/** Returns the picker for a language. In the forms, `#` stands for the count. */
export function pluralOf(language: string): (count: number, forms: Forms) => string {
  const rules = new Intl.PluralRules(language)
  const numbers = new Intl.NumberFormat(language)
  return (count, forms) => (forms[rules.select(count)] ?? forms.other).replace('#', numbers.format(count))
}
