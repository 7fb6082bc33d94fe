/** The little that we use of GOV.UK Frontend, which brings no types of its own. */
declare module "govuk-frontend" {
  interface ComponentClass {
    readonly moduleName: string;
  }
  export const Button: ComponentClass;
  export const CharacterCount: ComponentClass;
  export const Checkboxes: ComponentClass;
  export const ErrorSummary: ComponentClass;
  export const NotificationBanner: ComponentClass;
  export const PasswordInput: ComponentClass;
  export const Radios: ComponentClass;
  export const SkipLink: ComponentClass;
  export const Tabs: ComponentClass;
  /** Starts the component on every element that asks for it with `data-module`. */
  export function createAll(component: ComponentClass, config?: object, scope?: Element | Document): unknown[];
}
