/** For `synth.test.ts`: a config with two faults. */
export const config = {
  region: 'mars',
  pools: {
    demo: { instanceType: 'g4dn.xlarge', models: ['pilotlight-shapes'], workersMax: 1, warmInstances: 2 },
  },
};
