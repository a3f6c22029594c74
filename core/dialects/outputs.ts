/** What a job made, in the form that dialects tell it: a link to a file, or a text. */
export type ToldOutput =
  | {
      readonly type: 'image';
      /** Works for `apiLimits.outputUrlSeconds`, without a key. */
      readonly url: string;
      readonly contentType: string;
      readonly bytes: number;
      readonly width: number | undefined;
      readonly height: number | undefined;
    }
  | { readonly type: 'text'; readonly text: string };
