import ArgumentParser
import Input

/// Token ids as an argument: listed, or in a file.
enum TokenArgument: ExpressibleByArgument {
  case listed([Int])
  case file(String)

  init?(argument: String) {
    guard !argument.isEmpty else { return nil }
    self = CountList(argument: argument).map { .listed($0.values) } ?? .file(argument)
  }

  static var allValueStrings: [String] { ["token ids such as 1,2,3, or \(TokenSequences.kinds)"] }

  /// - Parameter raw: what a raw file's ids are stored as.
  func read(rawAs raw: TokenSequences.RawTokenType?) throws -> TokenSequences {
    switch self {
    case .listed(let ids):
      guard raw == nil else {
        throw InputError(
          "--token-type", problem: "is given with listed tokens", expected: "a file of raw ids")
      }
      return try within("--tokens") { try TokenSequences([ids]) }
    case .file(let path):
      return try within("--tokens") { try TokenSequences(file: path, rawAs: raw) }
    }
  }
}

extension TokenSequences.RawTokenType: ExpressibleByArgument {}

extension ArgumentHelp {
  static let tokenType = ArgumentHelp(
    "What a file of raw ids (.bin of nanoGPT or Megatron) holds: uint16 or uint32.",
    valueName: "type")
}
