import CHwloc
import CKernels
import Foundation

/// Reads what a result depends on beside the code.
public enum EnvironmentCapture {
  public static func now(
    topology: Topology, kernels: KernelTable, threadsPinned: Bool
  ) -> RunEnvironment {
    RunEnvironment(
      topology: topology.summary, operatingSystem: OperatingSystem.description,
      instructionSet: kernels.name, openblas: OpenBLAS.configuration,
      threadsPinned: threadsPinned,
      microcode: SystemFile.value(of: "microcode", in: SystemFile.text("/proc/cpuinfo")),
      memoryBytes: topology.memoryBytes,
      governor: SystemFile.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
      transparentHugePages: transparentHugePages, loadAverage: loadAverage,
      containerProcessors: containerProcessors,
      containerMemoryBytes: ControlGroup.own.memoryBytes,
      compiler: String(cString: dyno_compiler()), libraries: libraries)
  }

  /// Processors' worth of time that the control groups allow; `nil` without a limit.
  public static var containerProcessors: Double? { ControlGroup.own.processors }

  /// The choice in brackets of `always [madvise] never`.
  private static var transparentHugePages: String? {
    SystemFile.text("/sys/kernel/mm/transparent_hugepage/enabled")?
      .split(separator: "[").last?.split(separator: "]").first.map(String.init)
  }

  private static var loadAverage: Double? {
    SystemFile.text("/proc/loadavg")?.split(separator: " ").first.flatMap { Double($0) }
  }

  private static var libraries: [String: String] {
    let hwloc = hwloc_get_api_version()
    var glibc = [CChar](repeating: 0, count: 64)
    _ = confstr(Int32(_CS_GNU_LIBC_VERSION), &glibc, glibc.count)
    return [
      "openblas": OpenBLAS.configuration,
      "hwloc": "\(hwloc >> 16).\(hwloc >> 8 & 255).\(hwloc & 255)",
      "c": String(decoding: glibc.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self),
    ]
  }
}
