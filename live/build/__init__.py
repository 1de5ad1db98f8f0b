"""What makes the files of the page "The network, live" from trained networks.

python -m live.build.train     trains the page's two GRUs (about four minutes)
python -m live.build.export    writes the page's weights, data, table and pictures (a minute)
"""
