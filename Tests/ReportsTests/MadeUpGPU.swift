import CostModel
import Formats
import Records

/// A GPU that nobody makes: no calibration changes what is predicted of it.
let madeUpGPU = DeviceProfile(
  name: "made-up",
  limits: DeviceLimits(
    kind: .gpu, peakFLOPs: [.bf16: 300e12, .f16: 300e12], memoryBandwidth: 2e12,
    memoryCapacity: 80 * 0x1p30, units: 100, lastLevelCache: 40 * 0x1p20, linkBandwidth: 300e9,
    activationBytes: 2, clock: 1.5e9, sharedMemory: 160 * 1024), sources: [:])
