// swift-tools-version: 6.2
import PackageDescription

// One target a folder; each depends only on what stands before it, so that data flows one way:
// architecture → operators → measure → record → report.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: strict)
}

let package = Package(
  name: "dyno",
  products: [.executable(name: "dyno", targets: ["dyno"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .target(
      name: "CKernels", path: "kernels", cSettings: [.treatAllWarnings(as: .error)]),
    .plugin(name: "BuildStamp", capability: .buildTool(), exclude: ["stamp.sh"]),
    .target(
      name: "BuildCommit", swiftSettings: strict, plugins: ["BuildStamp"]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CHwloc", pkgConfig: "hwloc", providers: [.apt(["libhwloc-dev"])]),
    .systemLibrary(
      name: "CMinpack", pkgConfig: "cminpack", providers: [.apt(["libcminpack-dev"])]),
    .systemLibrary(name: "CNLopt", pkgConfig: "nlopt", providers: [.apt(["libnlopt-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    module("Numerics", ["CMinpack", "CNLopt"]),
    module("Architectures"),
    module("Operators", ["Architectures"]),
    module("Records", ["Architectures", "Operators"]),
    module(
      "Host", ["BuildCommit", "CHwloc", "CKernels", "COpenBLAS", "Records", "Architectures"]),
    module("Processes", ["Host"]),
    module("Weights", ["Architectures", "Host", "CKernels", "Numerics"]),
    module(
      "Engine",
      ["Weights", "Operators", "Records", "COpenBLAS", "Architectures", "Host", "Numerics"]),
    module("Measurement", ["Engine", "Numerics", "Records", "Host", "Weights"]),
    module(
      "Comparison",
      ["Processes", "Measurement", "Numerics", "Records", "Architectures", "Host"]),
    module("CostModel", ["Architectures", "Operators", "Records", "Numerics"]),
    module("ScalingLaws", ["Architectures", "Records", "Numerics"]),
    module("Specifications", ["Architectures", .product(name: "Yams", package: "Yams")]),
    module(
      "ArchitectureSearch",
      ["CostModel", "ScalingLaws", "Specifications", "Architectures", "Records", "Numerics"]),
    module(
      "Store",
      [
        "Records", "Host", "Architectures", "Numerics", "COpenSSL",
        .product(name: "GRDB", package: "GRDB.swift"),
      ]),
    module(
      "Sweeps",
      [
        "Processes", "Store", "Specifications", "Measurement", "Records", "Host",
        "Architectures", "Numerics",
      ]),
    module(
      "Verification",
      [
        "ArchitectureSearch", "CostModel", "Measurement", "Store", "Records", "Host",
        "Architectures", "Numerics",
      ]),
    module(
      "Reports",
      [
        "Host", "Engine", "Records", "Operators", "Architectures", "Numerics", "ScalingLaws",
        "CostModel", "ArchitectureSearch", "Store", "Sweeps",
      ]),
    .executableTarget(
      name: "dyno-kernel-bench",
      dependencies: [
        "Engine", "Reports", "Numerics",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "benchmarks/kernels", swiftSettings: strict),
    .executableTarget(
      name: "dyno-workload-study",
      dependencies: [
        "Measurement", "Reports", "Numerics",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "benchmarks/workloads", swiftSettings: strict),
    .executableTarget(
      name: "dyno-law-study", dependencies: ["ScalingLaws", "Numerics", "Reports"],
      path: "benchmarks/laws", exclude: ["chinchilla_objective.py"], swiftSettings: strict),
    .executableTarget(
      name: "dyno-cost-study",
      dependencies: ["CostModel", "Measurement", "Numerics", "Records", "Reports"],
      path: "benchmarks/cost",
      exclude: [
        "architectures", "measure_host.sh", "plot_residuals.py", "requirements.txt",
        "write_results.sh",
      ], swiftSettings: strict),
    .executableTarget(
      name: "dyno-search-study",
      dependencies: [
        "ArchitectureSearch", "Verification", "CostModel", "ScalingLaws", "Numerics", "Records",
        "Reports", "Host",
      ],
      path: "benchmarks/search", exclude: ["check_configs.py", "requirements.txt"],
      swiftSettings: strict),
    .target(
      name: "TestSupport", dependencies: ["Weights", "Engine", "Numerics"],
      path: "Tests/TestSupport", swiftSettings: strict),
    tests("NumericsTests", ["Numerics"]),
    tests("ArchitecturesTests", ["Architectures"]),
    tests("OperatorsTests", ["Operators"]),
    .target(
      name: "OtherVectorWidths", dependencies: ["CKernels"], path: "Tests/OtherVectorWidths",
      cSettings: [.treatAllWarnings(as: .error)]),
    tests("KernelTests", ["CKernels", "OtherVectorWidths", "Weights"]),
    tests("HostTests", ["Host", "Records", "Architectures"]),
    tests("ProcessesTests", ["Processes"]),
    tests("WeightsTests", ["Weights"]),
    tests("EngineTests", ["Engine"]),
    tests("MeasurementTests", ["Measurement", "Reports"]),
    tests("ComparisonTests", ["Comparison", "Reports", "Measurement", "Host"]),
    tests("ScalingLawsTests", ["ScalingLaws"]),
    tests("CostModelTests", ["CostModel"]),
    tests("ArchitectureSearchTests", ["ArchitectureSearch", "Reports"]),
    tests("VerificationTests", ["Verification"]),
    tests("StoreTests", ["Store", "Records", .product(name: "GRDB", package: "GRDB.swift")]),
    tests("SweepsTests", ["Sweeps", "Store", "Records"]),
    tests("ReportsTests", ["Reports", "Store", "Sweeps", "Records", "Architectures"]),
    tests("CommandTests", ["dyno"]),
    .executableTarget(
      name: "dyno",
      dependencies: [
        "Comparison", "Measurement", "Reports", "ScalingLaws", "CostModel", "ArchitectureSearch",
        "Store", "Sweeps", "Verification",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
