import Architectures
import ArgumentParser

// What several commands accept, spelled the same everywhere.

extension DType: ExpressibleByArgument {
  static var listed: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table, json
}

extension ArgumentHelp {
  static let architectures = ArgumentHelp(
    "A config.json, its folder, or a zoo name (see profiles/architectures).", valueName: "arch")
}
