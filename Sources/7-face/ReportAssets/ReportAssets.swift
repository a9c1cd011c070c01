/// The files of this folder and the chart library, as the plugin EmbedAssets embeds them when Dyno is
/// built: the executable needs none of them beside it.
public enum ReportAssets {
  /// The page, with places `{{name}}` for what is put into it.
  public static var page: String { embeddedPage }
  public static var style: String { embeddedStyle }
  public static var script: String { embeddedScript }
  /// Vega specifications, and parts of them, by name.
  public static var figures: [String: String] { embeddedFigures }
  /// Vega with its licence; `nil` where it was not installed when Dyno was built.
  public static var charts: String? { embeddedCharts }
}
