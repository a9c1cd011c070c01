// swift-tools-version: 6.2
import PackageDescription

// Sources lie in wings, in the order in which data flows; one target a folder, each of which uses only
// what stands before it.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

func module(
  _ wing: String, _ name: String, _ dependencies: [Target.Dependency] = [],
  exclude: [String] = [], plugins: [Target.PluginUsage] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(wing)/\(name)", exclude: exclude,
    swiftSettings: strict, plugins: plugins)
}

func library(_ name: String, pkgConfig: String, package: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/1-base/libraries/\(name)", pkgConfig: pkgConfig,
    providers: [.apt([package])])
}

func study(
  _ name: String, _ folder: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, path: "benchmarks/\(folder)", exclude: exclude,
    swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: strict)
}

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let database = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")

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
    .plugin(name: "EmbedProfiles", capability: .buildTool(), exclude: ["embed.sh"]),
    .plugin(name: "EmbedAssets", capability: .buildTool(), exclude: ["embed.sh"]),
    library("COpenBLAS", pkgConfig: "openblas", package: "libopenblas-dev"),
    library("CHwloc", pkgConfig: "hwloc", package: "libhwloc-dev"),
    library("CMinpack", pkgConfig: "cminpack", package: "libcminpack-dev"),
    library("CNLopt", pkgConfig: "nlopt", package: "libnlopt-dev"),
    library("COpenSSL", pkgConfig: "libcrypto", package: "libssl-dev"),

    module("1-base", "BuildCommit", plugins: ["BuildStamp"]),
    module("1-base", "Input", [.product(name: "Yams", package: "Yams")]),
    module("1-base", "Profiles", ["Input"], plugins: ["EmbedProfiles"]),
    module("1-base", "Numerics", ["CMinpack", "CNLopt", "Input"]),

    module("2-model", "Formats"),
    module("2-model", "Model", ["Input", "Formats", "Profiles"]),

    module(
      "3-engine", "Machine",
      ["BuildCommit", "CHwloc", "CKernels", "COpenBLAS", "Input", "Formats"]),
    module("3-engine", "Weights", ["Machine", "Model", "CKernels", "Numerics"]),
    module("3-engine", "Engine", ["Weights", "COpenBLAS"]),

    module("4-measure", "Requests", ["Numerics"]),
    module("4-measure", "Records", ["Model", "Machine", "Requests"]),
    module("4-measure", "Processes", ["Machine"]),
    module("4-measure", "Harness", ["Engine", "Records"]),
    module("4-measure", "Quality", ["Harness", "Numerics"]),
    module("4-measure", "Comparison", ["Harness", "Processes"]),
    module("4-measure", "Store", ["Records", "Numerics", "COpenSSL", database]),
    module("4-measure", "Sweeps", ["Harness", "Store", "Processes"]),

    module("5-predict", "CostModel", ["Records", "Numerics", "Profiles"]),
    module("5-predict", "Serving", ["CostModel", "Requests"]),

    module("6-decide", "ScalingLaws", ["Model", "Numerics", "Profiles"]),
    module("6-decide", "Search", ["ScalingLaws", "Serving"]),
    module("6-decide", "Verification", ["Search", "Harness", "Store"]),

    module(
      "7-face", "ReportAssets",
      exclude: ["figures", "modules.js", "page.css", "page.html", "page.js"],
      plugins: ["EmbedAssets"]),
    module("7-face", "Reports", ["Engine", "ReportAssets", "Search", "Serving", "Sweeps"]),
    .executableTarget(
      name: "dyno", dependencies: ["Comparison", "Quality", "Reports", "Verification", arguments],
      path: "Sources/7-face/dyno", swiftSettings: strict),

    study("dyno-kernel-bench", "kernels", ["Reports", arguments]),
    study("dyno-workload-study", "workloads", ["Harness", "Reports", arguments]),
    study(
      "dyno-law-study", "laws", ["ScalingLaws", "Reports"], exclude: ["chinchilla_objective.py"]),
    study(
      "dyno-cost-study", "cost", ["CostModel", "Harness", "Reports", "Serving"],
      exclude: [
        "architectures", "measure_host.sh", "measure_host_load.sh", "plot_residuals.py",
        "plot_experts.py",
        "plot_serving.py", "check_serving.py",
        "requirements.txt",
        "write_page.py", "write_results.sh",
      ]),
    study(
      "dyno-search-study", "search", ["Verification", "Reports"],
      exclude: ["check_configs.py", "requirements.txt"]),

    .target(
      name: "TestSupport", dependencies: ["Engine"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .target(
      name: "OtherVectorWidths", dependencies: ["CKernels"], path: "Tests/OtherVectorWidths",
      cSettings: [.treatAllWarnings(as: .error)]),
    tests("NumericsTests", ["Numerics"]),
    tests("ModelTests", ["Model"]),
    tests("KernelTests", ["OtherVectorWidths", "Weights"]),
    tests("MachineTests", ["Machine"]),
    tests("WeightsTests", ["Weights"]),
    tests("EngineTests", ["Engine"]),
    tests("ProcessesTests", ["Processes"]),
    tests("HarnessTests", ["Harness", "Reports"]),
    tests("QualityTests", ["Quality"]),
    tests("ComparisonTests", ["Comparison", "Reports"]),
    tests("StoreTests", ["Store", "Reports", database]),
    tests("SweepsTests", ["Sweeps"]),
    tests("CostModelTests", ["CostModel"]),
    tests("ServingTests", ["Serving"]),
    tests("ScalingLawsTests", ["ScalingLaws"]),
    tests("SearchTests", ["Search", "Reports"]),
    tests("VerificationTests", ["Verification"]),
    tests("ReportsTests", ["Reports"]),
    tests("CommandTests", ["dyno", "Processes"]),
  ],
  swiftLanguageModes: [.v6]
)

// The fuzzer has libFuzzer's main: it is a target where it is asked for (`make fuzz`) only. Kernels read
// no files: they are built quickly rather than well, and not watched.
if Context.environment["DYNO_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "dyno-fuzz",
      dependencies: ["Comparison", "Verification", "Sweeps", "Reports", "Serving", "TestSupport"],
      path: "Tests/Fuzz", exclude: ["run.py"], swiftSettings: strict))
  package.targets.first { $0.name == "CKernels" }?.cSettings?.append(
    .unsafeFlags(["-fno-sanitize=fuzzer", "-O0"]))
}
