import Foundation
import PackagePlugin

/// Writes a target's web files, and the chart library of the system, into a Swift file of texts.
@main
struct EmbedAssets: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let folder = context.pluginWorkDirectoryURL
    return [
      .prebuildCommand(
        displayName: "Embedding web files", executable: URL(fileURLWithPath: "/bin/sh"),
        arguments: [
          context.package.directoryURL.appendingPathComponent("Plugins/EmbedAssets/embed.sh").path,
          target.directoryURL.path, folder.path,
        ], outputFilesDirectory: folder)
    ]
  }
}
